"""How late an event loop is: measured by a timer of its own, told on the scoreboard."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

    from licorne._engine import Scoreboard

#: Seconds between two looks.
PERIOD = 1.0

#: Looks of which the worst is told.
LOOKS = 5


class LoopLag:
    """Looks for as long as the loop runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, board: Scoreboard, slot: int) -> None:
        self._loop = loop
        self._board = board
        self._slot = slot
        self._seen: deque[float] = deque(maxlen=LOOKS)
        self._due = loop.time() + PERIOD
        self._timer = loop.call_at(self._due, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._seen.append(max(0.0, now - self._due))
        self._board.set_loop_lag(self._slot, max(self._seen))
        self._due = now + PERIOD
        self._timer = self._loop.call_at(self._due, self._look)

    def stop(self) -> None:
        """Look no more: the worker ends."""
        self._timer.cancel()
