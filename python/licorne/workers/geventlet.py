"""The eventlet worker: a greenlet for each request; eventlet's hub polls the engine."""

from __future__ import annotations

import sys
import warnings

with warnings.catch_warnings():
    # It advises against itself on every import; docs/workers.md does so once.
    warnings.simplefilter("ignore")
    import eventlet
    import eventlet.hubs
from eventlet.event import Event
from eventlet.greenpool import GreenPool

from licorne.workers import leaving
from licorne.workers.greenlets import GreenletWorker, Waiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne._engine import Exchange

#: Seconds for greenlets that are left when a worker ends.
LAST = 1.0


class EventletWorker(GreenletWorker):
    """`worker_connections` greenlets of eventlet's for each listener."""

    def patch(self) -> None:
        """Make the standard library let other greenlets run; for subclasses to extend."""
        eventlet.monkey_patch()

    def make_hub(self) -> None:
        """A new one: that of the parent process has its descriptors."""
        eventlet.hubs.use_hub()

    def make_waiter(self) -> Waiter:
        """An event of eventlet's."""
        event = Event()
        return Waiter(event.wait, event.send)

    def watch(self, fd: int, turn: Callable[[], None]) -> None:
        """Have the hub watch the engine."""
        self._hub = eventlet.hubs.get_hub()
        self._timer = self._hub.schedule_call_global(0, turn)
        self._end = Event()
        self._pool = GreenPool(self.max_clients())

        def readable(_fd: int) -> None:
            turn()

        # Nothing is thrown into a listener at which no greenlet waits.
        self._listener = self._hub.add(self._hub.READ, fd, readable, readable, None)

    def leave_to_parent(self) -> None:
        """A hub of its own for the child: the other one has the parent's poller."""
        super().leave_to_parent()
        eventlet.hubs.use_hub()

    def call_later(self, seconds: float, turn: Callable[[], None]) -> None:
        """Set the hub's timer."""
        self._timer.cancel()
        self._timer = self._hub.schedule_call_global(seconds, turn)

    def spawn(self, function: Callable[[], None]) -> None:
        """A greenlet outside the pool."""
        eventlet.spawn_n(function)

    def free_greenlets(self) -> int:
        """As the pool counts."""
        return int(self._pool.free())

    def spawn_in_pool(self, exchange: Exchange) -> None:
        """Start a greenlet, without a wait."""
        self._pool.spawn_n(self.handle_exchange, exchange)

    def once_left(self, function: Callable[[], None]) -> None:
        """At the hub's next round: nothing is between here and the end of the greenlet."""
        self.call_soon(function)

    def call_soon(self, function: Callable[[], None]) -> None:
        """At the hub's next round."""
        self._hub.schedule_call_global(0, function)

    def tell_end(self) -> None:
        """Wake the main greenlet."""
        if not self._end.ready():
            self._end.send()

    def wait_for_end(self) -> None:
        """Wait in the main greenlet; greenlets that are left then have a second to end."""
        self._end.wait()
        self._hub.remove(self._listener)
        self._timer.cancel()
        self.end_all()
        with eventlet.Timeout(LAST, False):
            self._pool.waitall()

    def join_threads(self) -> None:
        """They are greenlets, of which the interpreter knows nothing."""
        executors = sys.modules.get("concurrent.futures.thread")
        if executors is not None:
            # Its idle threads end, as they do before the interpreter waits.
            executors._python_exit()
        while leaving.busy():
            eventlet.sleep(0.05)
