"""Performing what the planner asks for: each action by the method of the arbiter that has its name,
so that subclasses and hooks see it."""

from __future__ import annotations

import signal

from licorne import hooks
from licorne.errors import HaltServer
from licorne.master import reaping
from licorne.supervisor import actions, events
from licorne.supervisor.roster import Phase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.arbiter import Arbiter
    from licorne.workers.base import Worker


def perform(arbiter: Arbiter, action: actions.Action) -> None:
    """Perform one action."""
    match action:
        case actions.Spawn(count):
            arbiter.spawn_workers(count)
        case actions.Signal(pid, name):
            _signal(arbiter, pid, name)
        case actions.Log(level, message, args):
            # By name: loggers override `critical` to hear of timeouts.
            getattr(arbiter.log, level)(message, *args)
        case actions.Remove():
            reaping.remove(arbiter, action)
        case actions.NumberChanged(new, old):
            changed = arbiter.cfg.nworkers_changed
            hooks.call(arbiter.log, "nworkers_changed", changed, arbiter, new, old)
        case actions.Exit(status, reason):
            raise HaltServer(reason, status)
        case _:
            _on_server(arbiter, action)


def _on_server(arbiter: Arbiter, action: actions.Action) -> None:
    """Actions that concern no single worker."""
    parts = arbiter.parts
    match action:
        case actions.Reload():
            arbiter.reload()
        case actions.Reopen():
            arbiter.log.reopen_files()
            if parts.preload is not None:
                parts.preload.molds.reopen()
        case actions.Renew():
            if parts.preload is not None:
                parts.preload.renew()
        case actions.Upgrade():
            arbiter.reexec()
        case actions.CloseListeners(unlink):
            if arbiter.roster.upgrade:
                # Before this process ends: systemd believes the main process only, and takes
                # its end for that of the service.
                parts.notifier.main_pid(arbiter.roster.upgrade)
            parts.endpoints.hand_over()
            parts.listeners.close(unlink=unlink)
        case _:
            raise TypeError(f"not an action of the planner: {action!r}")


def _signal(arbiter: Arbiter, pid: int, name: str) -> None:
    if name == "ABRT" and pid in arbiter.WORKERS:
        _abort(arbiter, arbiter.WORKERS[pid])
        return
    if name == "TERM" and arbiter.roster.phase is Phase.RUNNING and pid in arbiter.WORKERS:
        arbiter.slots.set_replaced(arbiter.WORKERS[pid])
    arbiter.parts.listeners.settle(arbiter.roster, arbiter.WORKERS)
    arbiter.kill_worker(pid, getattr(signal, f"SIG{name}"))


def _abort(arbiter: Arbiter, worker: Worker) -> None:
    """ABRT a silent worker, as soon as the log says what it was doing."""
    worker.aborted = True

    def abort() -> None:
        if arbiter.WORKERS.get(pid) is worker:
            arbiter.kill_worker(pid, signal.SIGABRT)
            arbiter.decide(events.AbortSent(pid))

    pid = int(worker.pid)
    arbiter.parts.overdue.before_abort(worker, abort)
