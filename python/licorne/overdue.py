"""Requests over their time, told to the error log by the master: each once, with its stack.

The worker's engine has noticed, and has answered the client; the worker itself may be unable to say
anything, because an extension keeps the interpreter lock.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from licorne._engine import Overdue, Scoreboard
    from licorne.glogging import Logger
    from licorne.stacks import Stack, Stacks
    from licorne.workers.base import Worker

#: Seconds for a stack before the worker is told to abort: the kill comes a second later.
HASTE = 0.4


class Teller:
    """Knows what was told of each worker."""

    def __init__(self, log: Logger, stacks: Stacks) -> None:
        self._log = log
        self._stacks = stacks
        #: By worker, the number of the first overdue request that was not told yet.
        self._told: dict[Worker, int] = {}

    def look(self, workers: Iterable[Worker]) -> None:
        """Tell of what is new on the scoreboard."""
        for worker in workers:
            for overdue in self._news(worker, before_abort=False):
                self._ask(worker, overdue, then=None)

    def before_abort(self, worker: Worker, abort: Callable[[], None]) -> None:
        """Tell of what the worker was doing, then have it aborted."""
        news = self._news(worker, before_abort=True)
        for overdue in news[:-1]:
            self._ask(worker, overdue, then=None)
        if news:
            self._ask(worker, news[-1], then=abort)
            return

        def told(stack: Stack) -> None:
            self._log.error("What worker (pid:%s) was busy with: %s", worker.pid, stack)
            abort()

        self._stacks.ask(worker, None, told, patience=HASTE)

    def bury(self, worker: Worker) -> None:
        """Tell of what nobody has heard of a worker that has ended."""
        for overdue in self._news(worker, before_abort=True):
            self._tell(worker, overdue, "No Python stack: the worker has ended")
        self._told.pop(worker, None)

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
            self._tell(worker, overdue, str(stack))
            if then is not None:
                then()

        def still() -> bool:
            board = worker.scoreboard
            return board is not None and _runs(board, worker.slot, overdue.request.id)

        # A thread's id of 0 would ask the main thread for the stack of another.
        thread = overdue.request.thread
        patience = {} if then is None else {"patience": HASTE}
        self._stacks.ask(worker, thread, told, still, **patience)

    def _tell(self, worker: Worker, overdue: Overdue, stack: str) -> None:
        request = overdue.request
        self._log.error(
            "Request over its time: %s %s from %s, id %s.%s, running for %.1f s (%s %g s), "
            "body %s bytes, sent %s bytes, worker %s\n%s",
            request.method,
            request.target,
            request.peer or "-",
            worker.pid,
            request.id,
            request.age,
            overdue.setting,
            overdue.limit,
            request.body,
            request.sent,
            worker.pid,
            stack,
        )


def _runs(board: Scoreboard, slot: int, number: int) -> bool:
    return any(request.id == number for request in board.read(slot).in_flight)
