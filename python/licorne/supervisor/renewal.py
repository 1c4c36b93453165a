"""Molds (preload): when the master makes a new one, and what the end of one means.

A reload with a mold changes nothing about the workers until the new mold has loaded the
application: only then does a new generation begin. Until that happens it is tried again and again.
"""

from __future__ import annotations

from licorne.supervisor.actions import Log, Renew
from licorne.supervisor.converge import Outcome
from licorne.supervisor.ends import braked, stop
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Reloading, Renewal, Roster
from licorne.supervisor.tables import BOOT_ERRORS, cause_of_end, delay_after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.supervisor.events import MoldEnded


def begin(roster: Roster, why: Renewal, now: float) -> Outcome:
    """There is new code, or there are new settings: a new mold must load it."""
    return Outcome(
        replace(
            roster,
            renewal=why,
            renew_at=now,
            renew_failures=0,
            reload=Reloading.UNDER_WAY,
            reload_at=now,
            reload_reason="",
        )
    )


def due(roster: Roster, now: float) -> Outcome:
    """Begin to make a new mold, when one is wanted and it is time."""
    if roster.renew_at is None or now < roster.renew_at or not roster.keeps:
        return Outcome(roster)
    return Outcome(replace(roster, renew_at=None), (Renew(),))


def ended(roster: Roster, event: MoldEnded, now: float) -> Outcome:
    """A mold is gone that was needed: the present one, or the one that a reload waits for."""
    how = event.reason or cause_of_end(event.code, event.signal)
    told = _told(event)
    if event.coming:
        failures = roster.renew_failures + 1
        after = replace(
            roster,
            renew_failures=failures,
            renew_at=now + delay_after(failures),
            reload=Reloading.FAILING,
            reload_reason=f"the application cannot be preloaded: {how}",
        )
        return Outcome(after, (told,))
    after = replace(roster, starting=max(0, roster.starting - event.asked))
    reason = "" if event.signal else BOOT_ERRORS.get(event.code, "")
    if reason and roster.generation == 1 and not roster.proven and roster.keeps:
        ending = stop(replace(after, status=event.code, reason=reason), graceful=True, now=now)
        return Outcome(ending.roster, (told, *ending.actions))
    # One failure, however many workers were asked of it.
    return Outcome(braked(after, now) if event.asked else after, (told,))


def _told(event: MoldEnded) -> Log:
    if event.reason:
        return Log("error", "Cannot fork a mold: %s", (event.reason,))
    if event.signal:
        return Log("warning", "Mold (pid:%s) was sent %s!", (event.pid, event.signal))
    return Log("error", "Mold (pid:%s) exited with code %s.", (event.pid, event.code))
