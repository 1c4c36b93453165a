"""What a look at the scoreboard means for each worker: ready, silent, slow to load, or old."""

from __future__ import annotations

import math

from licorne.supervisor.actions import Action, Log, Signal
from licorne.supervisor.causes import MAX_AGE
from licorne.supervisor.converge import Outcome
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Child, Roster, State
from licorne.supervisor.tables import (
    ABORT_GRACE,
    ABORT_WAIT,
    MORE_PATIENCE,
    MOST_BETWEEN_LOOKS,
    YOUNG,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.supervisor.events import Sighting
    from licorne.supervisor.roster import Policy


def look(roster: Roster, seen: dict[int, Sighting], now: float) -> Outcome:
    """Each child as it is after this sighting, and what is to be done about it."""
    children: list[Child] = []
    actions: list[Action] = []
    silent_at = math.inf
    # After a pause of the master no worker counts as silent: all processes stood still (a container
    # that was frozen, a machine that slept), and workers need time for a sign of life. The next
    # look may follow at once, because of a signal that had to wait. A pause that was planned is not
    # told apart: it ends early enough (`BEFORE_SILENCE`).
    missed = now - roster.looked_at > MOST_BETWEEN_LOOKS
    fair_from = now + MOST_BETWEEN_LOOKS if missed else roster.fair_from
    fair = now >= fair_from
    for child in roster.children:
        sighting = seen.get(child.pid)
        after = child
        if sighting is not None:
            after, wanted = _seen(roster.policy, child, sighting, now, fair)
            actions += wanted
            if after.state in {State.SERVING, State.RETIRING} and roster.policy.timeout:
                silent_at = min(silent_at, now - sighting.silent_for + roster.policy.timeout)
        children.append(after)
    after_all = replace(
        roster,
        children=tuple(children),
        looked_at=now,
        fair_from=fair_from,
        silent_at=silent_at,
    )
    if any(
        new.state is State.SERVING and old.state is State.BOOTING
        for old, new in zip(roster.children, children, strict=True)
    ):
        after_all = replace(after_all, proven=True, failures=0, spawn_after=now)
    crashed_at = after_all.crashed_at
    if crashed_at is not None and any(_lives_on(child, crashed_at, now) for child in children):
        after_all = replace(after_all, crashed_at=None)
    return Outcome(after_all, tuple(actions))


def _lives_on(child: Child, crashed_at: float, now: float) -> bool:
    """The worker came after the crash and is no longer young: the row of crashes is over."""
    serves = child.state is State.SERVING and child.since >= crashed_at
    return serves and now - child.since >= YOUNG


def _seen(
    policy: Policy, child: Child, sighting: Sighting, now: float, fair: bool
) -> tuple[Child, tuple[Action, ...]]:
    if child.state is State.BOOTING:
        if sighting.ready:
            return replace(child, state=State.SERVING, since=now, served=True), ()
        return _booting(policy, child, now, fair)
    if child.state is State.STUCK:
        return child, ()
    if fair and policy.timeout and sighting.silent_for > policy.timeout:
        told = Log("critical", "WORKER TIMEOUT (pid:%s)", (child.pid,))
        return _aborted(child, now), (told, Signal(child.pid, "ABRT"))
    old = policy.worker_max_age and now - child.since >= policy.worker_max_age
    if old and child.state is State.SERVING and not child.leaving:
        told = Log("info", "Worker (pid:%s) is to be replaced: %s", (child.pid, MAX_AGE))
        return replace(child, leaving=MAX_AGE), (told,)
    return child, ()


def _booting(
    policy: Policy, child: Child, now: float, fair: bool
) -> tuple[Child, tuple[Action, ...]]:
    """Silence means nothing while an application is loaded; only `boot_timeout` bounds it."""
    age = now - child.since
    if fair and policy.boot_timeout and age > policy.boot_timeout:
        told = Log(
            "error",
            "Worker (pid:%s) has not loaded the application within %g s (boot_timeout)",
            (child.pid, policy.boot_timeout),
        )
        return _aborted(child, now), (told, Signal(child.pid, "ABRT"))
    if age >= child.patience:
        told = Log(
            "warning", "Worker (pid:%s) has been loading the application for %.0f s",
            (child.pid, age),
        )  # fmt: skip
        return replace(child, patience=child.patience * MORE_PATIENCE), (told,)
    return child, ()


def _aborted(child: Child, now: float) -> Child:
    return replace(child.due_by(now + ABORT_WAIT), state=State.STUCK, since=now)


def abort_sent(roster: Roster, pid: int, now: float) -> Outcome:
    """A worker has ABRT now, and from now on its time to end."""
    child = roster.child(pid)
    if child is None or child.state is not State.STUCK:
        return Outcome(roster)
    return Outcome(roster.with_child(child.due_by(now + ABORT_GRACE)))
