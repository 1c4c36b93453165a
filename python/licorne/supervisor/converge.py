"""Bringing the roster towards what is wanted: the wanted number of workers, or the end.

Every cause of a missing or a surplus worker goes this way, whatever the event was.
"""

from __future__ import annotations

import math

from licorne.supervisor.actions import Action, Exit, Log, Signal, Spawn
from licorne.supervisor.record import Record, replace
from licorne.supervisor.roster import Child, Phase, Reloading, Renewal, Roster, State
from licorne.supervisor.tables import BEFORE_SILENCE, QUICK_GRACE, SLACK


class Outcome(Record):
    """The roster after an event, and what must be done for it to be true."""

    roster: Roster
    actions: tuple[Action, ...] = ()


def converge(roster: Roster, now: float) -> Outcome:
    """Towards the wanted number of workers of the newest generation, or towards the end."""
    if roster.phase is Phase.STOPPED:
        return Outcome(roster)
    if not roster.keeps:
        if roster.children:
            return Outcome(roster)
        return Outcome(replace(roster, phase=Phase.STOPPED), (Exit(roster.status, roster.reason),))
    surplus = _surplus(roster)
    retired = told_to_go(roster, surplus, graceful=True, now=now) if surplus else Outcome(roster)
    settled = _settled(retired.roster)
    actions = retired.actions + settled.actions
    count = _missing(settled.roster) if now >= roster.spawn_after else 0
    if count <= 0:
        return Outcome(settled.roster, actions)
    started = replace(settled.roster, starting=settled.roster.starting + count)
    return Outcome(started, (*actions, Spawn(count)))


def overdue(roster: Roster, now: float) -> Outcome:
    """KILL, once, every worker that is still there after its deadline."""
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
        children.append(replace(child.due_by(now + grace), state=state, since=now))
        actions.append(Signal(child.pid, "TERM" if graceful else "QUIT"))
    return Outcome(replace(roster, children=tuple(children)), tuple(actions))


def wake_after(roster: Roster, now: float) -> float | None:
    """Seconds until the planner wants a `Tick`; None when only an event can change anything."""
    waits = [
        child.deadline - now for child in roster.children if child.deadline and not child.killed
    ]
    if roster.keeps and _missing(roster) > 0:
        waits.append(roster.spawn_after - now)
    if roster.keeps and roster.renew_at is not None:
        waits.append(roster.renew_at - now)
    if roster.phase is Phase.LAME:
        waits.append(roster.stop_at - now)
    looks = _next_look(roster, now)
    if looks is not None:
        # The rhythm in which gunicorn looks for silent workers: nothing here needs a better one.
        waits.append(max(1.0, looks))
    return max(0.0, min(waits)) if waits else None


def _next_look(roster: Roster, now: float) -> float | None:
    """Seconds until a look at the workers, or at the old master, may find what no event tells."""
    booting = any(child.state is State.BOOTING for child in roster.children)
    if booting or roster.crashed_at is not None or roster.parent:
        return 0.0
    until = []
    if roster.silent_at < math.inf:
        until.append(roster.silent_at - BEFORE_SILENCE)
    if roster.policy.worker_max_age:
        serving = (c for c in roster.children if c.state is State.SERVING and not c.leaving)
        until += [child.since + roster.policy.worker_max_age for child in serving]
    return min(until) - now if until else None


def outdated(roster: Roster) -> list[Child]:
    """Children to be replaced, in the order in which they go."""
    old = [child for child in roster.active() if roster.outdated(child)]
    return sorted(old, key=lambda child: (child.generation, child.age))


def _surplus(roster: Roster) -> tuple[int, ...]:
    """Workers that are not needed any more, oldest first."""
    active = roster.active()
    old = outdated(roster)
    current = [child for child in active if not roster.outdated(child)]
    # What does not serve yet is missed least; then the oldest go, as in gunicorn.
    current.sort(key=lambda child: (child.state is State.SERVING, child.age))
    leaving = current[: max(0, len(current) - roster.target)]
    # One that is to be replaced serves until a newer one is ready; one that still boots old code is
    # wanted only as long as too few serve.
    serving = sum(child.state is State.SERVING for child in active if child not in leaving)
    spare = serving - roster.target
    leaving += [child for child in old if child.state is State.SERVING][: max(0, spare)]
    if spare >= 0:
        leaving += [child for child in old if child.state is State.BOOTING]
    return tuple(child.pid for child in leaving)


def _missing(roster: Roster) -> int:
    """How many workers to fork now: while others are to be replaced, some above the number."""
    active = roster.active()
    current = [child for child in active if not roster.outdated(child)]
    serving = sum(child.state is State.SERVING for child in active)
    under_way = sum(child.state is State.BOOTING for child in active) + roster.starting
    # Those that leave still take memory: the next one above the number waits until they are gone.
    leaving = sum(child.state is State.RETIRING for child in roster.children)
    surge = max(0, roster.surge - leaving) if len(active) > len(current) else 0
    allowed = roster.target - serving + surge - under_way
    if roster.failures:
        # One at a time tells as much about broken code as all of them.
        allowed = min(allowed, 1 - under_way)
    return min(roster.target - len(current) - roster.starting, allowed)


def _settled(roster: Roster) -> Outcome:
    """A reload is complete when the wanted number serves, all of the newest generation."""
    if roster.reload not in {Reloading.UNDER_WAY, Reloading.FAILING} or roster.starting:
        return Outcome(roster)
    if roster.renewal is not Renewal.NONE:
        return Outcome(roster)
    active = roster.active()
    ready = [child for child in active if child.state is State.SERVING]
    if len(ready) != len(active) or len(active) != roster.target:
        return Outcome(roster)
    if any(child.generation < roster.generation for child in active):
        return Outcome(roster)
    after = replace(roster, reload=Reloading.COMPLETE, reload_reason="")
    told = Log("info", "Reload complete: %s workers serve, generation %s",
               (roster.target, roster.generation))  # fmt: skip
    return Outcome(after, (told,))
