"""What to do about a fact: `plan(roster, event, now)` gives the next roster and the actions.

Pure: the same arguments give the same result. An event is reacted to here, then `converge` brings
the roster towards what is wanted.
"""

from __future__ import annotations

from licorne.supervisor import renewal
from licorne.supervisor.actions import (
    Action,
    Log,
    NumberChanged,
    Reload,
    Reopen,
    Signal,
    Upgrade,
)
from licorne.supervisor.causes import ANOTHER, CHANGED_FILE
from licorne.supervisor.converge import Outcome, converge, overdue, told_to_go
from licorne.supervisor.ends import braked, exited, stop
from licorne.supervisor.events import (
    AbortSent,
    ChildExited,
    Event,
    MoldEnded,
    Promoted,
    Reconfigured,
    ReloadRefused,
    Renewing,
    Resized,
    Retire,
    Sighting,
    Signalled,
    Spawned,
    SpawnFailed,
    StopAsked,
    Tick,
    Upgraded,
)
from licorne.supervisor.look import abort_sent, look
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Child, Phase, Policy, Reloading, Renewal, Roster, State
from licorne.supervisor.tables import COMMANDS, QUICK_GRACE, Command


def plan(roster: Roster, event: Event, now: float) -> Outcome:
    """React to one event."""
    first = _react(roster, event, now)
    second = overdue(first.roster, now)
    third = renewal.due(second.roster, now)
    fourth = converge(third.roster, now)
    actions = first.actions + second.actions + third.actions + fourth.actions
    return Outcome(fourth.roster, actions)


def _react(roster: Roster, event: Event, now: float) -> Outcome:
    match event:
        case Tick(sightings):
            outcome = _seen(roster, sightings, now)
        case Signalled(name):
            outcome = _signalled(roster, name, now)
        case Spawned(pid):
            outcome = _spawned(roster, pid, now)
        case SpawnFailed(reason):
            outcome = _not_spawned(roster, reason, now)
        case ChildExited():
            outcome = exited(roster, event, now)
        case AbortSent(pid):
            outcome = abort_sent(roster, pid, now)
        case Retire(pid, cause):
            outcome = _asked_to_go(roster, pid, cause, now)
        case _:
            outcome = _server_changed(roster, event, now)
    return outcome


def _server_changed(roster: Roster, event: Event, now: float) -> Outcome:
    """Events that concern no single worker."""
    match event:
        case Reconfigured(policy):
            # New code alone does not change what TTIN and TTOU have made of the number.
            kept = roster.renewal is Renewal.CODE
            target = roster.target if kept else policy.workers
            outcome = _reconfigured(roster, policy, target, now)
        case Renewing():
            outcome = renewal.begin(roster, Renewal.SETTINGS, now)
        case MoldEnded():
            outcome = renewal.ended(roster, event, now)
        case ReloadRefused(reason):
            outcome = _refused(roster, reason, now)
        case Resized(target):
            outcome = _resized(roster, target)
        case StopAsked(graceful, status, reason):
            outcome = stop(replace(roster, status=status, reason=reason), graceful, now)
        case Upgraded(pid):
            outcome = Outcome(replace(roster, upgrade=pid))
        case Promoted():
            outcome = Outcome(replace(roster, parent=0))
        case _:
            raise TypeError(f"not an event of the master: {event!r}")
    return outcome


def _seen(roster: Roster, sightings: tuple[Sighting, ...], now: float) -> Outcome:
    """What the scoreboard shows; workers that ask to be replaced; the end of drain_delay."""
    if roster.phase is Phase.LAME and now >= roster.stop_at:
        return stop(roster, graceful=True, now=now)
    outcome = look(roster, {sighting.pid: sighting for sighting in sightings}, now)
    after, actions = outcome.roster, outcome.actions
    for sighting in sightings:
        if sighting.retire:
            asked = _asked_to_go(after, sighting.pid, sighting.retire, now)
            after, actions = asked.roster, actions + asked.actions
    return Outcome(after, actions)


def _asked_to_go(roster: Roster, pid: int, cause: str, now: float) -> Outcome:
    """A worker is marked; it goes when another is ready to take its place."""
    child = roster.child(pid)
    if child is None or child.state is not State.SERVING or roster.outdated(child):
        return Outcome(roster)
    if not roster.keeps:
        return Outcome(roster)
    if cause == CHANGED_FILE:
        # What one worker noticed concerns all of them.
        if roster.policy.preload:
            wanted = roster.renewal is not Renewal.NONE
            return Outcome(roster) if wanted else renewal.begin(roster, Renewal.CODE, now)
        return _reconfigured(roster, roster.policy, roster.target, now)
    told = Log("info", "Worker (pid:%s) is to be replaced: %s", (pid, cause))
    return Outcome(roster.with_child(replace(child, leaving=cause)), (told,))


def _signalled(roster: Roster, name: str, now: float) -> Outcome:
    command = COMMANDS.get(name)
    told: tuple[Action, ...] = (Log("info", "Handling signal: %s", (name.lower(),)),)
    if command is None or roster.phase is Phase.STOPPED:
        return Outcome(roster)
    if not roster.keeps:
        after = _signalled_while_ending(roster, command, now)
    else:
        after = _commanded(roster, command, now)
    return Outcome(after.roster, told + after.actions)


def _commanded(roster: Roster, command: Command, now: float) -> Outcome:
    match command:
        case Command.STOP if roster.policy.drain_delay and roster.phase is Phase.RUNNING:
            outcome = _lame(roster, now)
        case Command.STOP | Command.QUIT:
            outcome = stop(roster, command is Command.STOP, now)
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
            outcome = _upgrade(roster)
    return outcome


def _lame(roster: Roster, now: float) -> Outcome:
    """TERM with drain_delay: balancers are told, and given the time to look elsewhere."""
    seconds = roster.policy.drain_delay
    told = Log("info", "Serving for %g s more (drain_delay), then stopping", (seconds,))
    after = replace(roster, phase=Phase.LAME, stop_at=now + seconds)
    return Outcome(after, (told,))


def _upgrade(roster: Roster) -> Outcome:
    if roster.upgrade:
        said = "USR2 is ignored: the new master (pid:%s) is there already."
        return Outcome(roster, (Log("warning", said, (roster.upgrade,)),))
    if roster.parent:
        said = "USR2 is ignored: the old master (pid:%s) has not ended yet."
        return Outcome(roster, (Log("warning", said, (roster.parent,)),))
    return Outcome(roster, (Upgrade(),))


def _signalled_while_ending(roster: Roster, command: Command, now: float) -> Outcome:
    """Only an impatient INT or QUIT changes anything now."""
    if command is not Command.QUIT or roster.phase is Phase.QUITTING:
        return Outcome(roster)
    children = tuple(child.due_by(now + QUICK_GRACE) for child in roster.children)
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
    if roster.keeps:
        return Outcome(after) if roster.starting else _outnumbered(after, now)
    # Forked while the decision to stop was made: it goes like the others.
    return told_to_go(after, (pid,), roster.phase is Phase.STOPPING, now)


def _outnumbered(roster: Roster, now: float) -> Outcome:
    """A program has called `spawn_worker`: gunicorn sends the oldest away then; here it waits."""
    current = [each for each in roster.active() if not roster.outdated(each)]
    serving = sorted(
        (each for each in current if each.state is State.SERVING), key=lambda each: each.age
    )
    if len(current) <= roster.target or not serving:
        return Outcome(roster)
    return _asked_to_go(roster, serving[0].pid, ANOTHER, now)


def _not_spawned(roster: Roster, reason: str, now: float) -> Outcome:
    failed = replace(roster, starting=max(0, roster.starting - 1))
    note = Log("error", "Cannot fork a worker: %s", (reason,))
    return Outcome(braked(failed, now), (note,))


def _reconfigured(roster: Roster, policy: Policy, target: int, now: float) -> Outcome:
    renewed = replace(
        roster,
        policy=policy,
        generation=roster.generation + 1,
        # New code deserves a try at once, whatever the old one did.
        failures=0,
        spawn_after=now,
        reload=Reloading.UNDER_WAY,
        reload_at=now,
        reload_reason="",
        renewal=Renewal.NONE,
        renew_at=None,
        renew_failures=0,
    )
    return _resized(renewed, target)


def _refused(roster: Roster, reason: str, now: float) -> Outcome:
    changes = {"reload": Reloading.REFUSED, "reload_at": now, "reload_reason": reason}
    return Outcome(replace(roster, **changes))
