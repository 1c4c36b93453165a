"""Children that have ended: their exit status for the planner, and what is told when they go."""

from __future__ import annotations

from licorne import hooks
from licorne.master import losses, memory
from licorne.supervisor import events
from licorne.system import process
from licorne.workers.slots import BOOT_FAILURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.arbiter import Arbiter
    from licorne.supervisor.actions import Remove


def reap(arbiter: Arbiter) -> None:
    """Take the exit status of every child that has ended."""
    molds = None if arbiter.parts.preload is None else arbiter.parts.preload.molds
    for end in process.ended():
        if end.signal == "SIGKILL":
            _tell_oom(arbiter, end, () if molds is None else molds.pids())
        if molds is not None and molds.ended(end):
            continue
        worker = arbiter.WORKERS.get(end.pid)
        answered = ready = False
        if worker is not None:
            last = arbiter.slots.read(worker)
            answered, ready = last.requests > 0, last.ready
        arbiter.decide(events.ChildExited(end.pid, end.code, end.signal, answered, ready))


def remove(arbiter: Arbiter, action: Remove) -> None:
    """Forget a worker that has ended: tell what it lost, run the hook child_exit."""
    log, parts, slots = arbiter.log, arbiter.parts, arbiter.slots
    worker = arbiter.WORKERS.pop(action.pid)
    parts.stacks.close(worker)
    parts.overdue.remove(worker)
    losses.write_lines(log, slots.left_lines(worker))
    losses.tell_requests(log, worker.pid, slots.in_flight(worker))
    losses.tell_reading(log, worker.pid, slots.left_reading(worker))
    told = slots.read(worker).retire
    arbiter.last_failure = told if told >= BOOT_FAILURE else 0
    slots.release(worker)
    worker.tmp.close()
    parts.listeners.settle(arbiter.roster, arbiter.WORKERS)
    if action.hooks:
        hooks.call(log, "child_exit", arbiter.cfg.child_exit, arbiter, worker)


def in_hand(arbiter: Arbiter, pid: int) -> str:
    """The requests of a worker, for a line of the log."""
    worker = arbiter.WORKERS.get(pid)
    return "nothing" if worker is None else memory.in_hand(arbiter.slots.in_flight(worker))


def _tell_oom(arbiter: Arbiter, end: process.Ended, molds: tuple[int, ...]) -> None:
    monitor = arbiter.parts.memory
    if not monitor.oom_killed() or end.pid not in {*arbiter.WORKERS, *molds}:
        return
    what = "Mold" if end.pid in molds else "Worker"
    losses.tell_oom(arbiter.log, what, end, monitor.group_limit(), in_hand(arbiter, end.pid))
