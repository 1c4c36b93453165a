"""Requests over their time, told to the error log by the master: each once, with its stack.

The worker's engine has noticed, and has answered the client; the worker itself may be unable to say
anything, because an extension keeps the interpreter lock.
"""

from __future__ import annotations

import math
import time

from licorne.workers.overdue import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from licorne._engine import Overdue, Scoreboard
    from licorne.glogging import Logger
    from licorne.master.stacks import Stacks
    from licorne.workers.base import Worker
    from licorne.workers.frames import Stack

#: Seconds for a worker whose requests share a thread to end a request and tell of it. If it does
#: not, the request keeps the thread.
MOMENT = 1.0
#: Seconds for a stack before the worker is told to abort: less than `tables.ABORT_WAIT`.
HASTE = 0.4


class OverdueReporter:
    """Knows what was told of each worker."""

    def __init__(self, log: Logger, stacks: Stacks) -> None:
        self._log = log
        self._stacks = stacks
        #: By worker, the number of the first overdue request that was not told yet.
        self._told: dict[Worker, int] = {}
        #: What the workers should tell themselves, and until when.
        self._left: dict[Worker, list[tuple[float, Overdue]]] = {}

    def look(self, workers: Iterable[Worker]) -> None:
        """Tell of what is new on the scoreboard."""
        for worker in workers:
            for overdue in self._news(worker, before_abort=False):
                if overdue.request.thread:
                    self._ask(worker, overdue, then=None)
                else:
                    late = (time.monotonic() + MOMENT, overdue)
                    self._left.setdefault(worker, []).append(late)
        for worker in list(self._left):
            for overdue in self._untold(worker, time.monotonic()):
                self._ask(worker, overdue, then=None)

    def wake_after(self, now: float) -> float | None:
        """Seconds until a worker should have told of a request; None when there is none."""
        until = [until for left in self._left.values() for until, _ in left]
        return max(0.0, min(until) - now) if until else None

    def before_abort(self, worker: Worker, abort: Callable[[], None]) -> None:
        """Tell of what the worker was doing, then have it aborted."""
        news = self._untold(worker, math.inf) + self._news(worker, before_abort=True)
        for overdue in news[:-1]:
            self._ask(worker, overdue, then=None)
        if news:
            self._ask(worker, news[-1], then=abort)
            return

        def told(stack: Stack) -> None:
            self._log.error("What worker (pid:%s) was busy with: %s", worker.pid, stack)
            abort()

        self._stacks.ask(worker, None, told, patience=HASTE)

    def remove(self, worker: Worker) -> None:
        """A worker has ended: report what was not reported of it yet."""
        for overdue in self._untold(worker, math.inf) + self._news(worker, before_abort=True):
            tell(self._log, worker.pid, overdue, "No Python stack: the worker has ended")
        self._told.pop(worker, None)

    def _untold(self, worker: Worker, now: float) -> list[Overdue]:
        """What a worker should have told by now, and has not: something keeps its thread."""
        board = worker.scoreboard
        left = self._left.pop(worker, [])
        wait = [(until, overdue) for until, overdue in left if until > now]
        if wait:
            self._left[worker] = wait
        if board is None:
            return []
        due = [overdue for until, overdue in left if until <= now]
        return [each for each in due if board.claim_overdue(worker.slot, each.number)]

    def _news(self, worker: Worker, *, before_abort: bool) -> list[Overdue]:
        board = worker.scoreboard
        if board is None:
            return []
        told = self._told.get(worker, 0)
        news = board.overdue(worker.slot, told)
        silent = [each.request.id for each in news if each.setting == "timeout"]
        if not before_abort and any(_runs(board, worker.slot, each) for each in silent):
            # The worker will be aborted for it, and the log says that first.
            return []
        if news:
            forgotten = news[0].number - told
            if forgotten:
                self._log.error(
                    "%s more requests of worker %s were over their time", forgotten, worker.pid
                )
            self._told[worker] = news[-1].number + 1
        return news

    def _ask(self, worker: Worker, overdue: Overdue, then: Callable[[], None] | None) -> None:
        def told(stack: Stack) -> None:
            tell(self._log, worker.pid, overdue, str(stack))
            if then is not None:
                then()

        def still() -> bool:
            board = worker.scoreboard
            return board is not None and _runs(board, worker.slot, overdue.request.id)

        # What has no thread of its own shares the main thread, and has kept it until now.
        thread = overdue.request.thread or None
        patience = {} if then is None else {"patience": HASTE}
        self._stacks.ask(worker, thread, told, still, **patience)


def _runs(board: Scoreboard, slot: int, number: int) -> bool:
    return any(request.id == number for request in board.read(slot).in_flight)
