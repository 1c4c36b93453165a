"""How things end: a worker that has gone, and the server that is told to stop."""

from __future__ import annotations

from licorne.supervisor.actions import Action, CloseListeners, Log, Remove
from licorne.supervisor.converge import Outcome, told_to_go
from licorne.supervisor.events import Sighting
from licorne.supervisor.look import look
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Child, Ending, Phase, Reloading, Roster, State
from licorne.supervisor.tables import (
    BOOT_ERRORS,
    FIRST_DELAY,
    MEMORY,
    YOUNG,
    cause_of_end,
    delay_after,
    exit_message,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.supervisor.events import ChildExited


def exited(roster: Roster, event: ChildExited, now: float) -> Outcome:
    """A child was reaped: what it was decides what follows."""
    child = roster.child(event.pid)
    if event.pid == roster.upgrade:
        return _upgrade_failed(roster, event)
    if child is None:
        # Not a worker: as process 1 of a container the master reaps strangers too.
        return Outcome(roster)
    if event.ready and child.state is State.BOOTING:
        # It ended between two looks: this is the one that it missed.
        roster = look(roster, {event.pid: Sighting(event.pid, True, 0.0)}, now).roster
        child = roster.child(event.pid) or child
    after = _without(roster, child, event, now)
    line = exit_message(event.pid, event.code, event.signal, child.killed)
    if line is None and child.state is State.BOOTING:
        line = Log("error", "Worker (pid:%s) ended before it was ready.", (event.pid,))
    told: tuple[Action, ...] = () if line is None else (line,)
    reason = BOOT_ERRORS.get(event.code, "") if not event.signal else ""
    first = roster.generation == 1 and not roster.proven and not event.ready
    halts = bool(reason) and first and roster.keeps
    # gunicorn does not call child_exit for the worker whose exit ends the server.
    remove = Remove(event.pid, hooks=not halts)
    told = (*told, remove)
    if halts:
        after = replace(after, status=event.code, reason=reason)
        ending = stop(after, graceful=True, now=now)
        return Outcome(ending.roster, told + ending.actions)
    if _crashed_young(child, event, now):
        after = _crashed(after, now)
    elif _failed_early(child, event, now):
        after = braked(after, now)
        if child.generation == roster.generation and after.reload is Reloading.UNDER_WAY:
            how = cause_of_end(event.code, event.signal)
            why = f"a new worker (pid:{event.pid}) has ended before it was ready: {how}"
            after = replace(after, reload=Reloading.FAILING, reload_reason=why)
    return Outcome(after, told)


def _without(roster: Roster, child: Child, event: ChildExited, now: float) -> Roster:
    """The roster after a child has gone, with a note of why."""
    why = _cause(roster, child, event)
    counts = dict(roster.restarts)
    counts[why] = counts.get(why, 0) + 1
    return replace(
        roster,
        children=tuple(each for each in roster.children if each.pid != child.pid),
        endings=(*roster.endings, Ending(child.pid, why, now))[-MEMORY:],
        restarts=tuple(sorted(counts.items())),
    )


def _cause(roster: Roster, child: Child, event: ChildExited) -> str:
    if child.state is State.STUCK:
        return "timeout" if child.served else "boot_timeout"
    if child.state is State.RETIRING:
        if not roster.keeps:
            return "shutdown"
        return child.leaving or ("reload" if roster.outdated(child) else "fewer workers")
    return cause_of_end(event.code, event.signal)


def _upgrade_failed(roster: Roster, event: ChildExited) -> Outcome:
    how = cause_of_end(event.code, event.signal)
    said = "The new master (pid:%s) has ended (%s); this one goes on."
    return Outcome(replace(roster, upgrade=0), (Log("error", said, (event.pid, how)),))


def _failed_early(child: Child, event: ChildExited, now: float) -> bool:
    if child.state is State.BOOTING or (child.state is State.STUCK and not child.served):
        return True
    bad = bool(event.code or event.signal)
    return child.state is State.SERVING and bad and now - child.since < YOUNG


def _crashed_young(child: Child, event: ChildExited, now: float) -> bool:
    """It had answered a request, so this is no failed boot."""
    bad = bool(event.code or event.signal)
    young = child.state is State.SERVING and now - child.since < YOUNG
    return event.answered and bad and young


def _crashed(roster: Roster, now: float) -> Roster:
    """The first replacement comes at once; from the second crash in a row on, each waits."""
    after = roster if roster.crashed_at is None else _later(roster, now + FIRST_DELAY)
    # It did serve, so the application loads.
    return replace(after, proven=True, crashed_at=now)


def _later(roster: Roster, earliest: float) -> Roster:
    return replace(roster, spawn_after=max(roster.spawn_after, earliest))


def braked(roster: Roster, now: float) -> Roster:
    """One more failure in a row: the next fork waits longer."""
    failures = roster.failures + 1
    return replace(roster, failures=failures, spawn_after=now + delay_after(failures))


def stop(roster: Roster, graceful: bool, now: float) -> Outcome:
    """Close the sockets and send every worker home."""
    if roster.phase in {Phase.STOPPING, Phase.QUITTING, Phase.STOPPED}:
        return Outcome(roster)
    phase = Phase.STOPPING if graceful else Phase.QUITTING
    after = replace(roster, phase=phase, starting=0)
    pids = tuple(child.pid for child in after.children)
    gone = told_to_go(after, pids, graceful, now)
    # The sockets first: no client is to connect to a server that ends. With another master on them,
    # their files are its own.
    close = CloseListeners(unlink=not roster.upgrade and not roster.parent)
    return Outcome(gone.roster, (close, *gone.actions))
