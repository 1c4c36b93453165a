"""The families of the page: what the master knows of itself and of its workers, at this moment.

Labels are bounded: a worker is named by its slot on the scoreboard, never by its process id, and
nothing comes from a request. `/proc` is read only here, when a scraper asks.
"""

from __future__ import annotations

import sys
import time

from licorne import __version__
from licorne._engine import Counts
from licorne.metrics.page import Family, family, histogram
from licorne.supervisor.roster import Reloading, State
from licorne.system import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from licorne.master.face import Master
    from licorne.supervisor.roster import Roster

    Labels = tuple[tuple[str, str], ...]

_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
NONE: Labels = ()


def families(master: Master) -> Iterator[Family]:
    """All families, in the order of the page."""
    counted = master.slots.counts(master.WORKERS.values())
    yield from traffic(counted)
    yield from _connections(master, counted)
    yield from _present(master)
    yield from _processes(master)
    yield from planned(master.roster, time.monotonic())
    yield from _backlog(master)
    yield from _certificates(master)
    yield from _server(master)


def connections(master: Master) -> Iterator[Family]:
    """Those of them that are about TLS and HTTP/2, where these are served."""
    if master.cfg.is_ssl or "h2" in master.cfg.http_protocols:
        yield from _connections(master, master.slots.counts(master.WORKERS.values()))


def _connections(master: Master, counted: Mapping[str, Counts]) -> Iterator[Family]:
    if master.cfg.is_ssl:
        yield handshakes(counted)
    if "h2" in master.cfg.http_protocols:
        yield from http2(counted)
        yield _streams(master)


def traffic(counted: Mapping[str, Counts]) -> Iterator[Family]:
    """What workers have counted, by worker type."""
    by_type: list[tuple[Labels, Counts]] = [
        ((("worker_type", kind),), counts) for kind, counts in sorted(counted.items())
    ]
    answers: dict[Labels, float] = {
        (*labels, ("code", code)): float(count)
        for labels, counts in by_type
        for code, count in zip(_CLASSES, counts.requests, strict=True)
    }
    yield family("licorne_requests", "counter", "Requests answered, by class of status.", answers)
    yield Family(
        "licorne_request_duration_seconds",
        "histogram",
        "Time that the application took for a request.",
        tuple(
            sample
            for labels, counts in by_type
            for sample in histogram(
                labels, Counts.DURATIONS, counts.durations, counts.durations_sum
            )
        ),
        "seconds",
    )
    yield Family(
        "licorne_queue_time_seconds",
        "histogram",
        "Time from a complete request to a free application thread, or to its 503.",
        tuple(
            sample
            for labels, counts in by_type
            for sample in histogram(
                labels, Counts.QUEUE_TIMES, counts.queue_times, counts.queue_times_sum
            )
        ),
        "seconds",
    )
    told = "Connections that have sent a request, by what they speak."
    protocols = _by_name(counted, "protocol", Counts.PROTOCOLS, lambda each: each.protocols)
    yield family("licorne_connections_by_protocol", "counter", told, protocols)
    yield from _sums(by_type)


def handshakes(counted: Mapping[str, Counts]) -> Family:
    """What has become of handshakes of TLS."""
    results = _by_name(counted, "result", Counts.HANDSHAKES, lambda each: each.handshakes)
    return family("licorne_tls_handshakes", "counter", "Handshakes of TLS, by result.", results)


def http2(counted: Mapping[str, Counts]) -> Iterator[Family]:
    """What has become of streams and connections of HTTP/2."""
    streams = {
        kind: dict(zip(Counts.STREAMS, counts.streams, strict=True))
        for kind, counts in sorted(counted.items())
    }

    def total(name: str) -> dict[Labels, float]:
        return {(("worker_type", kind),): float(found[name]) for kind, found in streams.items()}

    yield family("licorne_http2_streams", "counter", "Streams opened.", total("opened"))
    told = "Streams refused because too many were open (REFUSED_STREAM)."
    yield family("licorne_http2_refused_streams", "counter", told, total("refused"))
    resets: dict[Labels, float] = {
        (("worker_type", kind), ("by", side)): float(found[f"reset_by_{side}"])
        for kind, found in streams.items()
        for side in ("client", "server")
    }
    told = "Streams reset before their response was complete, by which side."
    yield family("licorne_http2_reset_streams", "counter", told, resets)
    goaways = _by_name(counted, "code", Counts.GOAWAYS, lambda each: each.goaways)
    told = "Connections that the server has told to go away, by error code."
    yield family("licorne_http2_goaways", "counter", told, goaways)
    budgets = _by_name(counted, "budget", Counts.BUDGETS, lambda each: each.budgets)
    told = "Connections ended because their clients did too much of what costs them nothing."
    yield family("licorne_http2_budget_violations", "counter", told, budgets)


def _by_name(
    counted: Mapping[str, Counts],
    label: str,
    names: Sequence[str],
    counts: Callable[[Counts], Sequence[int]],
) -> dict[Labels, float]:
    return {
        (("worker_type", kind), (label, name)): float(count)
        for kind, each in sorted(counted.items())
        for name, count in zip(names, counts(each), strict=True)
    }


def _sums(by_type: Sequence[tuple[Labels, Counts]]) -> Iterator[Family]:
    counts = [each for _, each in by_type]
    for name, told, values in (
        (
            "refused_requests",
            "Requests answered 4xx by the server itself.",
            [each.refused for each in counts],
        ),
        (
            "request_timeouts",
            "Requests over their time, answered 504.",
            [each.timeouts for each in counts],
        ),
        (
            "sent_back_requests",
            "Requests answered 503 by a worker that ended.",
            [each.sent_back for each in counts],
        ),
        (
            "handed_over_requests",
            "Requests that waited, handed with their connections to a worker with a free thread.",
            [each.given for each in counts],
        ),
        (
            "shed_requests",
            "Requests answered 503 because they had waited for queue_timeout.",
            [each.shed for each in counts],
        ),
        (
            "abandoned_requests",
            "Requests that were not begun because their clients had left.",
            [each.abandoned for each in counts],
        ),
        ("connections_accepted", "Connections accepted.", [each.accepted for each in counts]),
        ("received_bytes", "Bytes read from clients.", [each.bytes_in for each in counts]),
        ("sent_bytes", "Bytes of answers sent to clients.", [each.bytes_out for each in counts]),
    ):
        sums = dict(zip((labels for labels, _ in by_type), map(float, values), strict=True))
        yield family(f"licorne_{name}", "counter", told, sums)


def _present(master: Master) -> Iterator[Family]:
    in_flight: dict[Labels, float] = {}
    connections: dict[Labels, float] = {}
    waiting: dict[Labels, float] = {}
    longest: dict[Labels, float] = {}
    late: dict[Labels, float] = {}
    for worker in master.WORKERS.values():
        snapshot = master.slots.read(worker)
        in_flight[_slot(worker.slot)] = len(snapshot.in_flight)
        connections[_slot(worker.slot)] = snapshot.connections
        waiting[_slot(worker.slot)] = snapshot.waiting
        longest[_slot(worker.slot)] = snapshot.longest_wait
        if snapshot.loop_lag is not None:
            late[_slot(worker.slot)] = snapshot.loop_lag
    yield family("licorne_in_flight_requests", "gauge", "Requests with the application.", in_flight)
    yield family("licorne_connections", "gauge", "Open client connections.", connections)
    told = "Complete requests that wait for a thread."
    yield family("licorne_waiting_requests", "gauge", told, waiting)
    told = "How long the first of the waiting requests has waited."
    yield family("licorne_longest_wait_seconds", "gauge", told, longest)
    if late:
        told = "How late the event loop of the worker was, at most, in the last seconds."
        yield family("licorne_event_loop_lag_seconds", "gauge", told, late)


def _streams(master: Master) -> Family:
    streams: dict[Labels, float] = {
        _slot(worker.slot): master.slots.read(worker).streams for worker in master.WORKERS.values()
    }
    return family("licorne_http2_open_streams", "gauge", "Open streams of HTTP/2.", streams)


def _processes(master: Master) -> Iterator[Family]:
    """Memory and processor time of the workers, where the system tells."""
    pids: dict[Labels, int] = {(("worker", "master"),): master.pid}
    pids.update((_slot(worker.slot), pid) for pid, worker in master.WORKERS.items())
    used = {labels: procfs.usage(pid, proportional=True) for labels, pid in pids.items()}
    rss: dict[Labels, float] = {
        labels: one.rss for labels, one in used.items() if one.rss is not None
    }
    pss: dict[Labels, float] = {
        labels: one.pss for labels, one in used.items() if one.pss is not None
    }
    cpu: dict[Labels, float] = {
        labels: one.cpu for labels, one in used.items() if one.cpu is not None
    }
    told = "Resident memory of a process, shared pages included."
    yield family("licorne_resident_memory_bytes", "gauge", told, rss)
    told = "Resident memory of a process, shared pages divided by the processes that share them."
    yield family("licorne_proportional_memory_bytes", "gauge", told, pss)
    # A slot is used again: seen as a counter, it starts anew with each worker.
    yield family("licorne_cpu_seconds", "counter", "Processor time of a process.", cpu)


def planned(roster: Roster, now: float) -> Iterator[Family]:
    """What the planner knows."""
    states = [child.state for child in roster.children]
    counts: dict[Labels, float] = {
        (("state", state.value),): float(states.count(state)) for state in State
    }
    yield family("licorne_workers", "gauge", "Worker processes, by state.", counts)
    wanted = {NONE: float(roster.target)}
    yield family("licorne_workers_wanted", "gauge", "Worker processes wanted.", wanted)
    ends: dict[Labels, float] = {
        (("cause", cause),): float(count) for cause, count in roster.restarts
    }
    told = "Worker processes that have ended, by cause."
    yield family("licorne_worker_ends", "counter", told, ends)
    failures = {NONE: float(roster.failures + roster.renew_failures)}
    told = "Failures in a row to boot a worker or to load the application."
    yield family("licorne_boot_failures", "gauge", told, failures)
    generation = {NONE: float(roster.generation)}
    told = "Generation of the workers: 1, and one more with each reload."
    yield family("licorne_generation", "gauge", told, generation)
    reload: dict[Labels, float] = {
        (("state", state.value),): float(roster.reload is state) for state in Reloading
    }
    yield family("licorne_last_reload", "gauge", "1 for what became of the last reload.", reload)
    if roster.reload is not Reloading.NONE:
        since = {NONE: now - roster.reload_at}
        told = "Time since the last reload began."
        yield family("licorne_last_reload_age_seconds", "gauge", told, since)


def _backlog(master: Master) -> Iterator[Family]:
    # With SO_REUSEPORT each worker has sockets of its own for the same addresses.
    addresses: list[str] = []
    waiting: dict[Labels, float] = {}
    for each in master.sockets():
        count = each.get_backlog()
        if str(each) not in addresses:
            addresses.append(str(each))
        if count is not None:
            labels = (("listener", str(addresses.index(str(each)))),)
            waiting[labels] = waiting.get(labels, 0) + count
    told = "Connections that wait to be accepted; listeners by their order in bind."
    yield family("licorne_listen_queue", "gauge", told, waiting)


def _certificates(master: Master) -> Iterator[Family]:
    ends: dict[Labels, float] = {
        (("certificate", name),): float(certificate.not_after)
        for name, certificate in master.certificates()
    }
    if ends:
        told = "When a certificate expires, in Unix time."
        yield family("licorne_certificate_expiry_timestamp_seconds", "gauge", told, ends)


def _server(master: Master) -> Iterator[Family]:
    uptime = procfs.usage(master.pid, proportional=False).age
    if uptime is not None:
        told = "Time since the master was started."
        yield family("licorne_uptime_seconds", "gauge", told, {NONE: uptime})
    build: Labels = (
        ("version", __version__),
        ("python", ".".join(map(str, sys.version_info[:3]))),
        ("implementation", sys.implementation.name),
    )
    yield family("licorne_build", "info", "What is running.", {build: 1.0})


def _slot(number: int) -> Labels:
    return (("worker", str(number)),)
