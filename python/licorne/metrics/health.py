"""What the health checks say: pure decisions about the planner's roster.

`/livez` asks whether the master's loop turns, which the answer itself shows. `/readyz` asks whether
to send requests here: not while no worker serves, and not from the moment the end was announced.
"""

from __future__ import annotations

from licorne.supervisor.roster import Phase, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.supervisor.roster import Roster

_ENDING = {
    Phase.LAME: "the server is about to stop (drain_delay)",
    Phase.STOPPING: "the server is stopping",
    Phase.QUITTING: "the server is stopping",
    Phase.STOPPED: "the server has stopped",
}


def objection(roster: Roster) -> str:
    """Why no requests should be sent here; empty when they should."""
    if roster.phase in _ENDING:
        # Exchanged for a new master (USR2), which serves at the same addresses.
        return "" if roster.upgrade else _ENDING[roster.phase]
    states = [child.state for child in roster.children]
    if State.SERVING in states:
        return ""
    if roster.failures:
        return f"no worker serves: {roster.failures} in a row have failed to boot"
    if not roster.proven:
        return "the server is starting"
    return "no worker serves" if roster.target else "no worker is wanted"
