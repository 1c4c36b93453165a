"""Workers on an asyncio loop: it polls the engine.

WSGI applications run between two runs of the loop, so that they see no running one: Django and
others refuse to wait inside of one. A request that does not end with the call which began it is
kept by its number, as what can be asked for its stack, cancelled and ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from licorne.workers.base_async import AsyncWorker
from licorne.workers.frames import Stack
from licorne.workers.lag import LoopLag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Protocol

    from licorne._engine import Exchange
    from licorne.http.views import Request
    from licorne.workers.tasks import Task

    class Unfinished(Protocol):
        """A request that goes on after the call which began it."""

        @property
        def overdue(self) -> bool:
            """It is over its time, and was not cancelled."""

        def stacks(self, frame: FrameType | None) -> list[Stack]:
            """Where it waits, or was interrupted in `frame`; one at least."""

        def cancel(self) -> None:
            """Throw `CancelledError` into it: its client has been answered."""

        def end(self) -> Iterable[Task]:
            """The worker ends: let go of the connection. What may want to say goodbye."""


#: Requests that are run one after the other, before the loop has its turn.
IN_A_ROW = 64

#: Seconds that tasks have to end when the worker does.
LAST_MOMENT = 1.0


class Resumed:
    """A WSGI body whose client reads slowly: its iteration goes on when there is room."""

    def __init__(
        self, worker: LoopWorker, number: int, exchange: Exchange, request: Request | None
    ) -> None:
        self._worker = worker
        self._number = number
        self._exchange = exchange
        self._request = request
        self.rest()

    def rest(self) -> None:
        """Wait until the client has read on."""
        if not self._exchange.when_room(self):
            self.wake()

    def wake(self) -> None:
        """Go on soon: the engine calls this in the middle of its turn."""
        self._worker.run_beside(self._go_on)

    def _go_on(self) -> None:
        exchange = self._exchange
        if exchange.id is None:
            # It was ended meanwhile.
            return
        self._worker.attempt(exchange.resume)
        if exchange.paused:
            self.rest()
        else:
            self._worker.is_over(self._number, self._request)

    @property
    def overdue(self) -> bool:
        """It is over its time."""
        return self._exchange.overdue

    def stacks(self, _frame: FrameType | None) -> list[Stack]:
        """It is between two blocks."""
        return [Stack(missing="the client reads slowly")]

    def cancel(self) -> None:
        """The client has been sent away: what is left is closed."""
        self.end()

    def end(self) -> Iterable[Task]:
        """Close what the application has returned."""
        if self._exchange.paused:
            self._worker.attempt(self._exchange.abandon)
            self._worker.is_over(self._number, self._request)
        return ()


class LoopWorker(AsyncWorker):
    """An asyncio loop, with `worker_connections` for each listener."""

    #: WSGI applications run on this one thread, one request after the other.
    multithread = False

    #: Bodies whose clients read slowly pause instead.
    has_waiters = False

    #: There will be no more requests.
    over = False

    #: Looks how late the loop is.
    _lag: LoopLag | None = None

    #: The request that went through `run_exchange` last: its body may have paused.
    _last: Request | None = None

    def init_process(self) -> None:
        """Let the application find a loop of its own: one made before the fork is shared."""
        asyncio.set_event_loop(asyncio.new_event_loop())
        super().init_process()

    def current_loop(self) -> asyncio.AbstractEventLoop:
        """The loop to serve on, once the application is loaded."""
        return asyncio.get_event_loop()

    def watch(self, fd: int, turn: Callable[[], None]) -> None:
        """Have the loop watch the engine."""
        self.loop = self.current_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._fd = fd
        #: Requests that go on after the call which began them, by number.
        self.unfinished: dict[int, Unfinished] = {}
        #: What is to be run when the loop rests.
        self._beside: deque[Callable[[], object]] = deque()
        self.loop.add_reader(fd, turn)
        if self.scoreboard is not None:
            self._lag = LoopLag(self.loop, self.scoreboard, self.slot)

    def call_later(self, seconds: float, turn: Callable[[], None]) -> None:
        """Set the loop's timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, turn)

    def begin(self, exchange: Exchange) -> None:
        """Run it while the loop rests."""
        self.run_beside(lambda: self.run_one(exchange))

    def run_beside(self, call: Callable[[], object]) -> None:
        """Run something while the loop rests, soon."""
        self._beside.append(call)
        self.loop.stop()

    def run_exchange(self, request: Request) -> None:
        """Run the application for one request, between its hooks."""
        self._last = request
        super().run_exchange(request)

    def run_one(self, exchange: Exchange) -> None:
        """Run the application for one request, whose body may have to wait for its client."""
        if self.end_by is not None and time.monotonic() > self.end_by:
            # The one before it has taken too long.
            exchange.return_unbegun()
            return
        number = exchange.id or 0
        super().run_one(exchange)
        request, self._last = self._last, None
        if exchange.paused:
            self.unfinished[number] = Resumed(self, number, exchange, request)

    def is_over(self, number: int, request: Request | None) -> None:
        """An unfinished request has ended."""
        self.unfinished.pop(number, None)
        if request is not None:
            self.finished(request)
        if not self.over and self.engine is not None and self.engine.pending:
            # Pipelined requests, which no event tells of. Not now: the engine may be in its turn.
            self.loop.call_soon(self.turn)

    def tell_end(self) -> None:
        """Stop the loop; one that does not run would keep that for its next run."""
        if not self.over:
            self.over = True
            if self.loop.is_running():
                self.loop.stop()

    def wait_for_end(self) -> None:
        """Run the loop; what is left then has a second to end."""
        self.run_loop()
        self.end_requests()
        self.end_tasks()

    def run_loop(self) -> None:
        """Run the loop until there will be no more requests."""
        while not self.over:
            self.attempt(self.loop.run_forever)
            # Pipelined requests come in as those before them are answered.
            for _ in range(max(len(self._beside), IN_A_ROW)):
                if not self._beside:
                    break
                self._beside.popleft()()
            if self._beside and not self.over:
                self.loop.call_soon(self.loop.stop)
        self.loop.remove_reader(self._fd)
        if self._lag is not None:
            self._lag.stop()
        if self._timer is not None:
            self._timer.cancel()

    def end_requests(self) -> None:
        """End the requests that are left."""
        self.let_end([task for each in list(self.unfinished.values()) for task in each.end()])

    def end_tasks(self) -> None:
        """End the other tasks of the loop."""
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.let_end(tasks)

    def let_end(self, tasks: Iterable[Task]) -> None:
        """Let tasks end, for a moment."""
        left = [task for task in tasks if not task.done()]
        if left:
            self.attempt(
                lambda: self.loop.run_until_complete(asyncio.wait(left, timeout=LAST_MOMENT))
            )

    def end_overdue(self) -> dict[int, str]:
        """Cancel them."""
        late = {number: each for number, each in self.unfinished.items() if each.overdue}
        stacks = {number: "\n".join(map(str, each.stacks(None))) for number, each in late.items()}
        for each in late.values():
            each.cancel()
        return stacks

    def stack_of(self, number: int, frame: FrameType | None) -> Stack:
        """Where the deepest of its tasks waits, or was interrupted."""
        found = self.unfinished.get(number)
        if found is None:
            return Stack(missing="it has ended meanwhile")
        return max(found.stacks(frame), key=lambda each: len(each.frames))
