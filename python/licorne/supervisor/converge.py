"""Bringing the roster towards what is wanted: the wanted number of workers, or the end.

Every cause of a missing or a surplus worker goes this way, whatever the event was.
"""

from __future__ import annotations

from licorne.supervisor.actions import Action, Exit, Signal, Spawn
from licorne.supervisor.record import Record, replace
from licorne.supervisor.roster import Child, Phase, Roster, State
from licorne.supervisor.tables import QUICK_GRACE, SLACK, SURGE


class Outcome(Record):
    """The roster after an event, and what must be done for it to be true."""

    roster: Roster
    actions: tuple[Action, ...] = ()


def converge(roster: Roster, now: float) -> Outcome:
    """Towards the wanted number of workers of the newest generation, or towards the end."""
    if roster.phase is Phase.STOPPED:
        return Outcome(roster)
    if roster.phase is not Phase.RUNNING:
        if roster.children:
            return Outcome(roster)
        return Outcome(replace(roster, phase=Phase.STOPPED), (Exit(roster.status, roster.reason),))
    surplus = _surplus(roster)
    retired = told_to_go(roster, surplus, graceful=True, now=now) if surplus else Outcome(roster)
    count = _missing(retired.roster) if now >= roster.spawn_after else 0
    if count <= 0:
        return retired
    started = replace(retired.roster, starting=retired.roster.starting + count)
    return Outcome(started, (*retired.actions, Spawn(count)))


def overdue(roster: Roster, now: float) -> Outcome:
    """KILL, once, whoever is still there after its deadline."""
    late = [
        child.pid
        for child in roster.children
        if child.deadline is not None and child.deadline <= now and not child.killed
    ]
    if not late:
        return Outcome(roster)
    children = tuple(
        replace(child, killed=True) if child.pid in late else child for child in roster.children
    )
    actions = tuple(Signal(pid, "KILL") for pid in late)
    return Outcome(replace(roster, children=children), actions)


def told_to_go(roster: Roster, pids: tuple[int, ...], graceful: bool, now: float) -> Outcome:
    """TERM (or QUIT), and KILL when the time is over."""
    grace = roster.policy.graceful_timeout + SLACK if graceful else QUICK_GRACE
    children: list[Child] = []
    actions: list[Action] = []
    for child in roster.children:
        if child.pid not in pids:
            children.append(child)
            continue
        stuck = child.state is State.STUCK
        state = State.STUCK if stuck else State.RETIRING
        deadline = min(child.deadline or now + grace, now + grace)
        children.append(replace(child, state=state, since=now, deadline=deadline))
        actions.append(Signal(child.pid, "TERM" if graceful else "QUIT"))
    return Outcome(replace(roster, children=tuple(children)), tuple(actions))


def wake_after(roster: Roster, now: float) -> float | None:
    """Seconds until the planner wants a `Tick`; None when only an event can change anything."""
    waits = [
        child.deadline - now for child in roster.children if child.deadline and not child.killed
    ]
    if roster.phase is Phase.RUNNING and _missing(roster) > 0:
        waits.append(roster.spawn_after - now)
    if roster.children and roster.policy.timeout:
        # The rhythm in which gunicorn looks for silent workers.
        waits.append(1.0)
    return max(0.0, min(waits)) if waits else None


def _surplus(roster: Roster) -> tuple[int, ...]:
    """Who is not needed any more, oldest first."""
    active = roster.active()
    old = [child for child in active if child.generation < roster.generation]
    current = [child for child in active if child.generation == roster.generation]
    leaving = current[: max(0, len(current) - roster.target)]
    # An older generation serves until a newer one is proven ready; what still boots old code is
    # wanted only as long as too few serve.
    serving = sum(child.state is State.SERVING for child in active if child not in leaving)
    spare = serving - roster.target
    leaving += [child for child in old if child.state is State.SERVING][: max(0, spare)]
    if spare >= 0:
        leaving += [child for child in old if child.state is State.BOOTING]
    return tuple(child.pid for child in leaving)


def _missing(roster: Roster) -> int:
    """How many workers to fork now: with an older generation serving, one above the number."""
    active = roster.active()
    current = [child for child in active if child.generation == roster.generation]
    serving = sum(child.state is State.SERVING for child in active)
    under_way = sum(child.state is State.BOOTING for child in active) + roster.starting
    surge = SURGE if len(active) > len(current) else 0
    allowed = roster.target - serving + surge - under_way
    if roster.failures:
        # One at a time tells as much about broken code as all of them.
        allowed = min(allowed, 1 - under_way)
    return min(roster.target - len(current) - roster.starting, allowed)
