"""What gevent's and eventlet's workers have in common: a greenlet for each request, in a pool, and
an end for those that take too long.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial

from greenlet import GreenletExit, getcurrent

from licorne.workers import leaving
from licorne.workers.base_async import AsyncWorker
from licorne.workers.frames import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from greenlet import greenlet

    from licorne._engine import Exchange


#: Requests of one client that a greenlet runs one after the other before others have their turn,
#: and seconds from the end of the first of them: the engine is not turned meanwhile.
IN_A_ROW = 64
ROW = 0.002


class Waiter:
    """Where a greenlet waits for its client, at an event of its hub's kind."""

    def __init__(self, wait: Callable[[], object], wake: Callable[[], object]) -> None:
        self.wait = wait
        self.wake = wake


class GreenletWorker(AsyncWorker):
    """`worker_connections` greenlets for each listener; what counts is the sum."""

    #: The `notify` of a subclass runs, and may wait.
    _beating = False

    #: The main greenlet has left the loop.
    _over = False

    def patch(self) -> None:
        """Make the standard library let other greenlets run; for subclasses to extend."""
        raise NotImplementedError

    def make_hub(self) -> None:
        """Make the hub of this process, and drop that of the process it was forked from."""
        raise NotImplementedError

    def spawn(self, function: Callable[[], None]) -> None:
        """Run a function in a greenlet of its own, soon."""
        raise NotImplementedError

    def free_greenlets(self) -> int:
        """How many greenlets the pool has room for."""
        raise NotImplementedError

    def spawn_in_pool(self, exchange: Exchange) -> None:
        """Run `handle_exchange` in a greenlet of the pool, which has room."""
        raise NotImplementedError

    def once_left(self, function: Callable[[], None]) -> None:
        """Have a function that does not wait called when this greenlet has left its pool."""
        raise NotImplementedError

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the hub call a function that does not wait."""
        raise NotImplementedError

    def init_process(self) -> None:
        """Patch before the application is loaded."""
        self.patch()
        self.make_hub()
        #: Requests that were taken when the pool had no room any more: of clients whose requests
        #: before them have just ended, one for each greenlet at the most.
        self._waiting: deque[Exchange] = deque()
        #: What runs, with its number: a signal's handler must not ask the exchange, which may be
        #: in the middle of something.
        self._running: dict[greenlet, tuple[int, Exchange]] = {}
        #: The requests that are being ended, so that each is ended once.
        self._ending: set[Exchange] = set()
        super().init_process()

    def run(self) -> None:
        """Serve until the engine is drained."""
        try:
            super().run()
        finally:
            self._over = True

    def try_beat(self) -> None:
        """In a greenlet of its own: the hub, where turns begin, may not wait."""
        if self.notifies() and not self._beating:
            self._beating = True
            self.spawn(self._beat_beside)

    def _beat_beside(self) -> None:
        try:
            super().try_beat()
        finally:
            self._beating = False

    def end_late(self) -> None:
        """In a greenlet of its own, too: a handler of the log may wait."""
        self.spawn(super().end_late)

    def room(self) -> int:
        """As many as there are greenlets for: the others wait in the engine, which watches them.

        With HTTP/2 a client can have more requests than connections, and gives up any of them.
        """
        return max(0, self.free_greenlets() - len(self._waiting))

    def begin(self, exchange: Exchange) -> None:
        """Start a greenlet, or keep the request until there is one."""
        if self.free_greenlets() > 0:
            self.spawn_in_pool(exchange)
        else:
            self._waiting.append(exchange)
            # One that has ended in this round leaves the pool in the next one, and nothing else
            # would look then.
            self.call_soon(self._begin_waiting)

    def handle_exchange(self, exchange: Exchange) -> None:
        """One request, in its greenlet, and those that its client has sent with it."""
        me = getcurrent()
        row_ends = 0.0
        try:
            for _ in range(IN_A_ROW):
                self._running[me] = (exchange.id or 0, exchange)
                try:
                    self.run_alone(exchange)
                finally:
                    self._ending.discard(exchange)
                after = (
                    None if self.engine is None else self.engine.take_ready(self.inspects_requests)
                )
                if after is None:
                    break
                exchange = after
                now = time.monotonic()
                row_ends = row_ends or now + ROW
                if now > row_ends:
                    self._let_others(exchange)
                    break
            else:
                self._let_others(exchange)
        finally:
            del self._running[me]
            if self.full or self._waiting:
                # This greenlet counts until it has left.
                self.once_left(self._go_on)
            else:
                self.look_for_more()

    def _let_others(self, exchange: Exchange) -> None:
        """Go on with a request behind those of other clients, new ones among them."""
        self.begin(exchange)
        # By itself the hub may run many greenlets before it looks at the engine again.
        self.turn()

    def _begin_waiting(self) -> None:
        while self._waiting and self.free_greenlets() > 0:
            self.spawn_in_pool(self._waiting.popleft())

    def _go_on(self) -> None:
        """There is room again: what waits has it, and the engine hears of it with a turn."""
        self._begin_waiting()
        if self.engine is not None:
            self.turn()

    def end_overdue(self) -> dict[int, str]:
        """Raise `GreenletExit` in them, soon."""
        stacks = {}
        for running, (number, exchange) in self._running.items():
            if exchange.id is not None and exchange.overdue and exchange not in self._ending:
                stacks[number] = str(Stack.of(running.gr_frame))
                self._ending.add(exchange)
                self.call_soon(partial(self._throw, running, exchange))
        return stacks

    def stack_of(self, number: int, frame: FrameType | None) -> Stack:
        """Where its greenlet waits, or was interrupted."""
        for running, (own, _exchange) in self._running.items():
            if own == number:
                return Stack.of(frame if running is getcurrent() else running.gr_frame)
        return Stack(missing="it has ended meanwhile")

    def end_all(self) -> None:
        """The same for all requests; what no greenlet has begun may be sent again."""
        for exchange in self._waiting:
            exchange.return_unbegun()
        self._waiting.clear()
        for running, (_number, exchange) in self._running.items():
            self.call_soon(partial(self._throw, running, exchange))

    def _throw(self, running: greenlet, exchange: Exchange) -> None:
        # Not one that has come to an end meanwhile, nor one that is closing what it has opened.
        _, latest = self._running.get(running, (0, None))
        if latest is exchange and exchange.id is not None:
            running.throw(GreenletExit())

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at once (INT, QUIT): in a greenlet of its own, since the hook may wait."""
        quit_now = super().handle_quit
        # At once: the engine has seen the signal too, and the main greenlet may end first.
        self._end_within(leaving.QUICK)

        def leave() -> None:
            try:
                quit_now(sig, frame)
            except SystemExit:
                # The engine has stopped by itself: the main greenlet may be on its way out.
                if not self._over:
                    raise

        self.spawn(leave)

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """Reopen the log files, in a greenlet of its own."""
        reopen = super().handle_usr1
        self.spawn(lambda: reopen(sig, frame))
