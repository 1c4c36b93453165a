"""What a server shows of itself: each function reads the master and gives plain data.

Keys that gunicorn 27 has mean here what they mean there.
"""

from __future__ import annotations

import socket
import time

from licorne import __version__, aliases
from licorne.config.show import shown
from licorne.supervisor.roster import Reloading, State
from licorne.system import procfs
from licorne.tls.keeper import when

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Counts, InFlight, WorkerSnapshot
    from licorne.ctl.protocol import Json
    from licorne.master.face import Master
    from licorne.supervisor.roster import Child, Roster
    from licorne.workers.base import Worker

    Data = dict[str, Json]

_FAMILIES = {socket.AF_UNIX: "unix", socket.AF_INET: "tcp", socket.AF_INET6: "tcp6"}


def status(master: Master) -> Data:
    """The server in one look."""
    roster = master.roster
    states = [child.state for child in roster.children]
    counts: Data = {state.value: states.count(state) for state in State}
    snapshots = [snapshot for _, _, snapshot in _snapshots(master)]
    return {
        "version": __version__,
        "product": master.product,
        "title": aliases.title(master.cfg.prog),
        "name": master.proc_name,
        "application": application(master),
        "addresses": [str(each) for each in master.LISTENERS],
        "pid": master.pid,
        "uptime": procfs.usage(master.pid, proportional=False).age,
        "phase": roster.phase.value,
        "generation": roster.generation,
        "workers": {"wanted": roster.target, **counts},
        "last_reload": _last_reload(roster),
        "boot_failures": roster.failures + roster.renew_failures,
        "restarts": dict(roster.restarts),
        "endings": [
            {"pid": each.pid, "cause": each.cause, "ago": _ago(each.at)} for each in roster.endings
        ],
        "requests": _requests(master),
        "connections": sum(snapshot.connections for snapshot in snapshots),
        "streams": sum(snapshot.streams for snapshot in snapshots),
        "in_flight": sum(len(snapshot.in_flight) for snapshot in snapshots),
        **_queue(master, snapshots),
    }


def _queue(master: Master, snapshots: list[WorkerSnapshot]) -> Data:
    """Requests that wait for a thread, and those that were not begun, since the start."""
    counts = master.slots.counts(master.WORKERS.values()).values()
    return {
        "waiting": sum(snapshot.waiting for snapshot in snapshots),
        "longest_wait": round(
            max((snapshot.longest_wait for snapshot in snapshots), default=0.0), 3
        ),
        "shed": sum(each.shed for each in counts),
        "abandoned": sum(each.abandoned for each in counts),
    }


def application(master: Master) -> str:
    """What is served, as it was named: on the command line, in a file, by the program's class."""
    named = getattr(master.app, "app_uri", None)
    if named is None and not master.cfg.is_default("default_proc_name"):
        named = master.cfg.default_proc_name
    return str(named or type(master.app).__name__)


def _last_reload(roster: Roster) -> Data:
    if roster.reload is Reloading.NONE:
        return {"state": roster.reload.value, "ago": None, "reason": ""}
    state, reason = roster.reload.value, roster.reload_reason
    return {"state": state, "ago": _ago(roster.reload_at), "reason": reason}


def _ago(at: float) -> float:
    return round(time.monotonic() - at, 2)


def workers(master: Master, brief: bool) -> Data:
    """Every worker with what it is doing; `brief` leaves out what is costly to find out."""
    rows: list[Json] = [
        _worker(pid, worker, master.roster.child(pid), snapshot, brief)
        | _counted(master.slots.scoreboard.counts(worker.slot))
        for pid, worker, snapshot in _snapshots(master)
    ]
    return {"workers": rows, "count": len(rows)}


def _snapshots(master: Master) -> list[tuple[int, Worker, WorkerSnapshot]]:
    found = sorted(master.WORKERS.items(), key=lambda item: item[1].age)
    return [(pid, worker, master.slots.read(worker)) for pid, worker in found]


def _worker(
    pid: int, worker: Worker, child: Child | None, snapshot: WorkerSnapshot, brief: bool
) -> Data:
    used = procfs.usage(pid, proportional=not brief)
    return {
        "pid": pid,
        "age": worker.age,
        "generation": None if child is None else child.generation,
        "state": "ended" if child is None else child.state.value,
        "leaving": "" if child is None else child.leaving,
        "uptime": used.age,
        "aborted": worker.aborted,
        "rss": used.rss,
        "pss": used.pss,
        "cpu": used.cpu,
        "booted": snapshot.ready,
        "last_heartbeat": round(snapshot.beat_age, 2),
        "requests": snapshot.requests,
        "connections": snapshot.connections,
        "streams": snapshot.streams,
        "waiting": snapshot.waiting,
        "longest_wait": round(snapshot.longest_wait, 3),
        "in_flight": [_request(pid, each) for each in snapshot.in_flight],
    }


def _counted(counts: Counts) -> Data:
    """The requests of a worker that went to or came from others, and those that were not begun."""
    names = ("given", "taken", "shed", "abandoned")
    return {name: getattr(counts, name) for name in names}


def _request(pid: int, one: InFlight) -> Data:
    return {
        "id": f"{pid}.{one.id}",
        "method": one.method,
        "path": one.target,
        "peer": one.peer,
        "age": round(one.age, 3),
        "body": one.body,
        "sent": one.sent,
        "overdue": one.overdue,
        "waiting": one.waiting,
    }


def _requests(master: Master) -> int:
    """Requests finished since the start, by workers that have ended too."""
    living = sum(snapshot.requests for _, _, snapshot in _snapshots(master))
    return living + master.slots.finished


def listeners(master: Master) -> Data:
    """Where the server listens."""
    rows: list[Json] = [
        {
            "address": str(each),
            "type": _FAMILIES.get(each.sock.family, "unknown"),
            "fd": each.fileno(),
            "redirects": each.redirects,
        }
        for each in master.LISTENERS
    ]
    data: Data = {"listeners": rows, "count": len(rows)}
    certificates: list[Json] = [
        {
            "name": name,
            "names": [*certificate.names],
            "serial": certificate.serial,
            "expires": when(certificate.not_after),
        }
        for name, certificate in master.certificates()
    ]
    return data | {"certificates": certificates} if certificates else data


def config(master: Master) -> Data:
    """Every setting with its value and where it came from."""
    cfg = master.cfg
    return {
        name: {"value": plain(value), "origin": cfg.origins[name]}
        for name, value in sorted(cfg.values.items())
    }


def config_values(master: Master) -> Data:
    """Every setting with its value."""
    return {name: plain(value) for name, value in sorted(master.cfg.values.items())}


def plain(value: object) -> Json:
    """A value as JSON can say it; functions and the like as text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    return shown(value)


def stats(master: Master) -> Data:
    """gunicorn's statistics."""
    return {
        "uptime": procfs.usage(master.pid, proportional=False).age,
        "pid": master.pid,
        "workers_current": len(master.WORKERS),
        "workers_target": master.num_workers,
        "workers_spawned": master.worker_age,
        "workers_killed": master.worker_age - len(master.WORKERS),
        "reloads": master.roster.generation - 1,
        "dirty_arbiter_pid": None,
    }


def everything(master: Master) -> Data:
    """gunicorn's overview of all processes."""
    rows: list[Json] = []
    for pid, worker, snapshot in _snapshots(master):
        row: Data = {"pid": pid, "type": "web", "age": worker.age}
        beat = round(snapshot.beat_age, 2)
        rows.append({**row, "booted": snapshot.ready, "last_heartbeat": beat})
    return {
        "arbiter": {"pid": master.pid, "type": "arbiter", "role": "master"},
        "web_workers": rows,
        "web_worker_count": len(rows),
        "dirty_arbiter": None,
        "dirty_workers": [],
        "dirty_worker_count": 0,
    }
