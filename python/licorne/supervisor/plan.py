"""What to do about a fact: `plan(roster, event, now)` gives the next roster and the actions.

Pure: the same arguments give the same result. An event is reacted to here, then `converge` brings
the roster towards what is wanted.
"""

from __future__ import annotations

from licorne.supervisor.actions import (
    Action,
    Bury,
    CloseListeners,
    Log,
    NumberChanged,
    Reload,
    Reopen,
    Signal,
)
from licorne.supervisor.converge import Outcome, converge, overdue, told_to_go
from licorne.supervisor.events import (
    ChildExited,
    Event,
    Reconfigured,
    Resized,
    Sighting,
    Signalled,
    Spawned,
    SpawnFailed,
    StopAsked,
    Tick,
)
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Child, Phase, Policy, Roster, State
from licorne.supervisor.tables import (
    ABORT_GRACE,
    BOOT_ERRORS,
    COMMANDS,
    QUICK_GRACE,
    YOUNG,
    Command,
    delay_after,
    obituary,
)


def plan(roster: Roster, event: Event, now: float) -> Outcome:
    """React to one event."""
    first = _react(roster, event, now)
    second = overdue(first.roster, now)
    third = converge(second.roster, now)
    return Outcome(third.roster, first.actions + second.actions + third.actions)


def _react(roster: Roster, event: Event, now: float) -> Outcome:
    match event:
        case Tick(sightings):
            outcome = _seen(roster, {s.pid: s for s in sightings}, now)
        case Signalled(name):
            outcome = _signalled(roster, name, now)
        case Spawned(pid):
            outcome = _spawned(roster, pid, now)
        case SpawnFailed(reason):
            outcome = _not_spawned(roster, reason, now)
        case ChildExited():
            outcome = _exited(roster, event, now)
        case Reconfigured(policy):
            outcome = _reconfigured(roster, policy, now)
        case Resized(target):
            outcome = _resized(roster, target)
        case StopAsked(graceful, status, reason):
            outcome = _stop(replace(roster, status=status, reason=reason), graceful, now)
        case _:
            raise TypeError(f"not an event of the master: {event!r}")
    return outcome


def _seen(roster: Roster, seen: dict[int, Sighting], now: float) -> Outcome:
    """Workers become ready, or have been silent for too long."""
    children: list[Child] = []
    actions: list[Action] = []
    ready_now = False
    for child in roster.children:
        seen_now = seen.get(child.pid)
        if seen_now is None:
            children.append(child)
            continue
        after = child
        if child.state is State.BOOTING and seen_now.ready:
            after = replace(child, state=State.SERVING, since=now)
            ready_now = True
        limit = roster.policy.timeout
        if limit and seen_now.silent_for > limit and child.state is not State.STUCK:
            deadline = min(child.deadline or now + ABORT_GRACE, now + ABORT_GRACE)
            after = replace(child, state=State.STUCK, since=now, deadline=deadline)
            actions.append(Log("critical", "WORKER TIMEOUT (pid:%s)", (child.pid,)))
            actions.append(Signal(child.pid, "ABRT"))
        children.append(after)
    after_all = replace(roster, children=tuple(children))
    if ready_now:
        after_all = replace(after_all, proven=True, failures=0, spawn_after=now)
    return Outcome(after_all, tuple(actions))


def _signalled(roster: Roster, name: str, now: float) -> Outcome:
    command = COMMANDS.get(name)
    told: tuple[Action, ...] = (Log("info", "Handling signal: %s", (name.lower(),)),)
    if command is None or roster.phase is Phase.STOPPED:
        return Outcome(roster)
    if roster.phase is not Phase.RUNNING:
        after = _signalled_while_ending(roster, command, now)
    else:
        after = _commanded(roster, command, now)
    return Outcome(after.roster, told + after.actions)


def _commanded(roster: Roster, command: Command, now: float) -> Outcome:
    match command:
        case Command.STOP | Command.QUIT:
            outcome = _stop(roster, command is Command.STOP, now)
        case Command.GROW:
            outcome = _resized(roster, roster.target + 1)
        case Command.SHRINK:
            # gunicorn's floor: one worker stays.
            outcome = _resized(roster, max(min(1, roster.target), roster.target - 1))
        case Command.LAY_OFF:
            outcome = _laid_off(roster)
        case Command.RELOAD:
            outcome = Outcome(roster, (Reload(),))
        case Command.REOPEN:
            signals = [Signal(child.pid, "USR1") for child in roster.children]
            outcome = Outcome(roster, (Reopen(), *signals))
        case Command.UPGRADE:
            said = "USR2 is ignored: this version of licorne cannot exchange a running master."
            outcome = Outcome(roster, (Log("warning", said),))
    return outcome


def _signalled_while_ending(roster: Roster, command: Command, now: float) -> Outcome:
    """Only an impatient INT or QUIT changes anything now."""
    if command is not Command.QUIT or roster.phase is Phase.QUITTING:
        return Outcome(roster)
    deadline = now + QUICK_GRACE
    children = tuple(
        replace(child, deadline=min(child.deadline or deadline, deadline))
        for child in roster.children
    )
    actions = [Signal(child.pid, "QUIT") for child in roster.children]
    note = Log("info", "Quick shutdown requested")
    return Outcome(replace(roster, phase=Phase.QUITTING, children=children), (note, *actions))


def _laid_off(roster: Roster) -> Outcome:
    # A terminal sends WINCH for each change of its size: only a daemon can be meant.
    if not roster.policy.daemon:
        return Outcome(roster, (Log("debug", "SIGWINCH ignored. Not daemonized"),))
    after = _resized(roster, 0)
    return Outcome(after.roster, (Log("info", "graceful stop of workers"), *after.actions))


def _resized(roster: Roster, target: int) -> Outcome:
    if target == roster.target:
        return Outcome(roster)
    change = NumberChanged(new=target, old=roster.target)
    return Outcome(replace(roster, target=target), (change,))


def _spawned(roster: Roster, pid: int, now: float) -> Outcome:
    child = Child(
        pid=pid,
        age=roster.next_age,
        generation=roster.generation,
        state=State.BOOTING,
        since=now,
    )
    after = replace(
        roster,
        children=(*roster.children, child),
        starting=max(0, roster.starting - 1),
        next_age=roster.next_age + 1,
    )
    if roster.phase is Phase.RUNNING:
        return Outcome(after)
    # Forked while the decision to stop was made: it goes like the others.
    return told_to_go(after, (pid,), roster.phase is Phase.STOPPING, now)


def _not_spawned(roster: Roster, reason: str, now: float) -> Outcome:
    failed = replace(roster, starting=max(0, roster.starting - 1))
    note = Log("error", "Cannot fork a worker: %s", (reason,))
    return Outcome(_braked(failed, now), (note,))


def _reconfigured(roster: Roster, policy: Policy, now: float) -> Outcome:
    renewed = replace(
        roster,
        policy=policy,
        generation=roster.generation + 1,
        # New code deserves a try at once, whatever the old one did.
        failures=0,
        spawn_after=now,
    )
    return _resized(renewed, policy.workers)


def _exited(roster: Roster, event: ChildExited, now: float) -> Outcome:
    child = roster.child(event.pid)
    if child is None:
        # Not a worker: as process 1 of a container the master reaps strangers too.
        return Outcome(roster)
    remaining = tuple(each for each in roster.children if each.pid != event.pid)
    after = replace(roster, children=remaining)
    line = obituary(event.pid, event.code, event.signal, child.killed)
    told: tuple[Action, ...] = () if line is None else (line,)
    reason = BOOT_ERRORS.get(event.code, "") if not event.signal else ""
    first = roster.generation == 1 and not roster.proven
    halts = bool(reason) and first and roster.phase is Phase.RUNNING
    # gunicorn does not call child_exit for the worker whose exit ends the server.
    bury = Bury(event.pid, crashed=bool(event.signal or event.code), hooks=not halts)
    told = (*told, bury)
    if halts:
        after = replace(after, status=event.code, reason=reason)
        ending = _stop(after, graceful=True, now=now)
        return Outcome(ending.roster, told + ending.actions)
    if _failed_early(child, event, now):
        after = _braked(after, now)
    return Outcome(after, told)


def _failed_early(child: Child, event: ChildExited, now: float) -> bool:
    if child.state is State.BOOTING:
        return True
    bad = bool(event.code or event.signal)
    return child.state is State.SERVING and bad and now - child.since < YOUNG


def _braked(roster: Roster, now: float) -> Roster:
    """One more failure in a row: the next fork waits longer."""
    failures = roster.failures + 1
    return replace(roster, failures=failures, spawn_after=now + delay_after(failures))


def _stop(roster: Roster, graceful: bool, now: float) -> Outcome:
    if roster.phase in {Phase.STOPPING, Phase.QUITTING, Phase.STOPPED}:
        return Outcome(roster)
    phase = Phase.STOPPING if graceful else Phase.QUITTING
    after = replace(roster, phase=phase, starting=0)
    pids = tuple(child.pid for child in after.children)
    gone = told_to_go(after, pids, graceful, now)
    # The sockets first: nobody is to connect to a server that ends.
    return Outcome(gone.roster, (CloseListeners(), *gone.actions))
