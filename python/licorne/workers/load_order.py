"""Workers that start together load the application one after the other, a processor each."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Scoreboard

#: Seconds that a worker gives those before it, for each round of them: an application that waits
#: while it loads (for a database) does not hold the others up for longer.
ROUND = 0.2
#: Seconds between two looks.
PAUSE = 0.005


def processors() -> int:
    """How many this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def await_turn(scoreboard: Scoreboard, slot: int) -> None:
    """Wait as long as those before load on all processors, but not for long.

    Beside each other all would be ready at the same, late, time; and workers that take a processor
    from each other lose what it has in its caches.
    """
    at_a_time = processors()
    rounds = scoreboard.loading_before(slot) // at_a_time
    end = time.monotonic() + ROUND * rounds
    while time.monotonic() < end and scoreboard.loading_before(slot) >= at_a_time:
        time.sleep(PAUSE)
