"""Fast requests beside slow ones with several workers, and how requests are spread over workers.

The load of `mixed` is so light that it needs no core of its own: it has all of them together with
the server, and a real-time priority, so that the server's computing does not delay it. How late
it was is a column.

In `balance` the application answers which process ran it. A request counts as in flight in that
process: where it waited meanwhile cannot be seen from outside. That no worker was idle meanwhile
is seen by the time that all of them take.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.load import Load, LoadError, mixed, wrk
from bench.process import Variant
from bench.scenario import Measure, Scenario

if TYPE_CHECKING:
    from bench.process import Running, Tools

#: Seconds within which all answers must have come.
PATIENCE = 60.0
#: Slow requests that are asked for at a time.
AT_ONCE = 100
#: Short requests that are counted.
COUNTED = 10_000
#: Seconds in which also slow servers give so many.
LONG_ENOUGH = 8.0


@dataclass
class Asked:
    """One request, and what is known of it so far."""

    connection: socket.socket
    sent: float = 0.0
    answered: float = 0.0
    worker: str = ""
    closes: bool = False


def fast_times(scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """Times of the fast ones among 200 requests a second, of which 5 % take 100 ms."""
    seen = mixed(tools.pace, server.port, scenario.load.path, seconds)
    values = {
        "fast p99 ms": seen.p99_ms,
        "fast p50 ms": seen.p50_ms,
        "fast max ms": seen.max_ms,
        "slow p99 ms": seen.slow_p99_ms,
        "unserved": float(seen.unserved),
        "errors": float(seen.errors),
        "sent late p99 ms": seen.late_p99_ms,
    }
    return Measure(values)


def spread(scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Slow requests, all at a time: by how much two workers differ in requests in flight.

    `kept`: on connections that have carried a request before, so that a server which ties them to
    workers has done so. `new`: on new ones.
    """
    values: dict[str, float] = {}
    for name, kept in (("kept", True), ("new", False)):
        asked = _ask_at_once(server.port, scenario.load.path, kept=kept)
        first, last = min(each.sent for each in asked), max(each.answered for each in asked)
        values[f"difference, {name}"] = float(largest_difference(asked, scenario.variant.workers))
        values[f"total s, {name}"] = last - first
    return Measure(values)


def shares(scenario: Scenario, server: Running, _tools: Tools, seconds: float) -> Measure:
    """Short requests without a break: the smallest and the largest share of a worker.

    They are percentages of an even share.
    """
    seen = wrk(server.port, scenario.load, max(seconds, LONG_ENOUGH))
    workers = scenario.variant.workers
    counts = [*seen.tally.values(), *[0] * (workers - len(seen.tally))]
    counted = sum(counts)
    if not counted:
        raise LoadError(f"no more than {COUNTED // 10} answers in {seen.seconds:.0f} s")
    values = {
        "least %": 100 * min(counts) * workers / counted,
        "most %": 100 * max(counts) * workers / counted,
        "counted": float(counted),
        "requests/s": seen.rate,
        "errors": float(seen.errors),
    }
    return Measure(values)


def largest_difference(asked: list[Asked], workers: int) -> int:
    """By how much two workers differ in requests in flight when all were sent and none answered."""
    counts = [*Counter(each.worker for each in asked).values()]
    counts += [0] * (workers - len(counts))
    return max(counts) - min(counts)


def _ask_at_once(port: int, path: str, *, kept: bool) -> list[Asked]:
    with ExitStack() as stack:
        asked = [Asked(stack.enter_context(_connected(port))) for _ in range(AT_ONCE)]
        if kept:
            for each in asked:
                _send(each, "/")
            _receive_all(asked)
            for each in asked:
                if each.closes:
                    each.connection = stack.enter_context(_connected(port))
        for each in asked:
            _send(each, path)
        _receive_all(asked)
    return asked


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def _send(asked: Asked, path: str) -> None:
    asked.sent = time.monotonic()
    asked.connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())


def _receive_all(asked: list[Asked]) -> None:
    """One answer for each."""
    deadline = time.monotonic() + PATIENCE
    received = {each.connection.fileno(): b"" for each in asked}
    with selectors.DefaultSelector() as selector:
        for one in asked:
            selector.register(one.connection, selectors.EVENT_READ, one)
        while waiting := len(selector.get_map()):
            if time.monotonic() > deadline:
                raise LoadError(f"{waiting} of {len(asked)} requests were not answered")
            for key, _ in selector.select(1):
                each: Asked = key.data
                data = each.connection.recv(65536)
                received[key.fd] += data
                head, found, body = received[key.fd].lower().partition(b"\r\n\r\n")
                if not data:
                    raise LoadError("a connection ended before its answer")
                if found and len(body) >= int(head.partition(b"content-length:")[2].split()[0]):
                    each.answered = time.monotonic()
                    each.worker = body.decode("ascii", "replace")
                    each.closes = b"\r\nconnection: close" in head
                    selector.unregister(each.connection)
                    if each.closes:
                        # gunicorn's sync worker waits for its client to close, too.
                        each.connection.close()


def _mixed(kind: str, path: str, workers: int) -> Scenario:
    return Scenario(
        name=f"mixed-{path.strip('/')}-{workers}",
        group="mixed",
        title=f"200 requests/s on 64 connections, 5 % of them {kind} 100 ms, workers = {workers}",
        measure=fast_times,
        load=Load(path=path),
        columns=(
            *("fast p99 ms", "fast p50 ms", "fast max ms", "slow p99 ms"),
            *("unserved", "errors", "sent late p99 ms"),
        ),
        variant=Variant(workers=workers, all_cores=True),
        only=(
            *("licorne", "licorne gthread 4", "licorne gthread", "gunicorn sync"),
            *("gunicorn gthread", "granian", "granian 8", "peregrine", "peregrine 8"),
            "pyuwsgi router",
        ),
    )


ONE_AT_A_TIME = ("licorne", "gunicorn sync", "granian", "peregrine", "pyuwsgi router")
SCENARIOS = (
    *(
        _mixed(kind, path, workers)
        for kind, path in (("sleeping", "/slow"), ("computing", "/compute"))
        for workers in (2, 4)
    ),
    Scenario(
        name="balance-slow",
        group="balance",
        title=f"{AT_ONCE} requests that sleep 200 ms, all at a time, over 8 workers",
        measure=spread,
        load=Load(path="/term"),
        columns=("difference, kept", "difference, new", "total s, kept", "total s, new"),
        variant=Variant(workers=8, all_cores=True),
        only=ONE_AT_A_TIME,
    ),
    Scenario(
        name="balance-short",
        group="balance",
        title=f"{COUNTED:,} short requests on 64 connections over 4 workers on one core",
        measure=shares,
        load=Load(path="/pid", tally=COUNTED),
        columns=("least %", "most %", "counted", "requests/s", "errors"),
        variant=Variant(workers=4),
        only=(*ONE_AT_A_TIME, "licorne gthread 4", "gunicorn gthread"),
    ),
)
