"""`worker.tmp`, the heartbeat of gunicorn's workers, over the scoreboard: there is no file."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.workers.base import Worker


class WorkerTmp:
    """Signs of life of one worker, by gunicorn's names."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def notify(self) -> None:
        """Give a sign of life."""
        self._worker.notify()

    def last_update(self) -> float:
        """When the last sign was given, on the monotonic clock."""
        board = self._worker.scoreboard
        return time.monotonic() - (0.0 if board is None else board.read(self._worker.slot).beat_age)

    def close(self) -> None:
        """There is nothing to close; kept for callers."""
