"""The gevent worker: a greenlet for each request; gevent's hub polls the engine.

`gevent_pywsgi` and `gevent_wsgi` are gevent's own server instead, one for each listener.
"""

from __future__ import annotations

from collections import deque

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.pool import Pool

from licorne.stacks import Stack
from licorne.workers.base_async import AsyncWorker
from licorne.workers.gpywsgi import PyWSGIHandler, PyWSGIServer, serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from gevent.pywsgi import WSGIHandler
    from greenlet import greenlet

    from licorne._engine import Exchange


class Place:
    """Where a greenlet waits for its client."""

    def __init__(self) -> None:
        self._event = Event()

    def wait(self) -> None:
        """Let the other greenlets run until `wake`."""
        self._event.wait()

    def wake(self) -> None:
        """Let the one who waits go on."""
        self._event.set()


class GeventWorker(AsyncWorker):
    """`worker_connections` greenlets for each listener."""

    def patch(self) -> None:
        """Make the standard library let other greenlets run; for subclasses to extend."""
        monkey.patch_all()

    def init_process(self) -> None:
        """Patch before the application is loaded."""
        self.patch()
        # Also makes the hub, which may read files that the worker's user must not.
        gevent.get_hub()
        gevent.reinit()
        super().init_process()

    def parking(self) -> Place:
        """An event of gevent's."""
        return Place()

    def watch(self, fd: int, turn: Callable[[], None]) -> None:
        """Have the hub watch the engine."""
        self._loop = gevent.get_hub().loop
        self._watcher = self._loop.io(fd, 1)
        self._timer = self._loop.timer(0)
        self._end = Event()
        self._pools = [Pool(self.cfg.worker_connections) for _ in self.sockets]
        #: Requests for whose greenlets there was no room in their pool.
        self._waiting: deque[Exchange] = deque()
        #: Without the exchange once it was ended.
        self._running: dict[greenlet, Exchange | None] = {}
        self._watcher.start(turn)

    def call_later(self, seconds: float, turn: Callable[[], None]) -> None:
        """Set the hub's timer."""
        self._timer.close()
        self._timer = self._loop.timer(seconds)
        self._timer.start(turn)

    def begin(self, exchange: Exchange) -> None:
        """Start a greenlet in the pool of the listener, or keep the request until it has room."""
        pool = self._pools[exchange.listener or 0]
        if pool.full():
            self._waiting.append(exchange)
        else:
            pool.spawn(self._run, exchange)

    def _run(self, exchange: Exchange) -> None:
        me = gevent.getcurrent()
        self._running[me] = exchange
        try:
            self.run_one(exchange)
        finally:
            del self._running[me]
            if self._waiting:
                # Once this greenlet has left its pool.
                self._loop.run_callback(self._begin_waiting)

    def _begin_waiting(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for exchange in waiting:
            self.begin(exchange)

    def tell_end(self) -> None:
        """Wake the main greenlet."""
        self._end.set()

    def wait_for_end(self) -> None:
        """Wait in the main greenlet; greenlets that are left then have a second to end."""
        self._end.wait()
        self._watcher.close()
        self._timer.close()
        for pool in self._pools:
            pool.kill(timeout=1)

    def end_overdue(self) -> dict[int, str]:
        """Kill their greenlets (`GreenletExit`)."""
        stacks = {}
        for running, exchange in self._running.items():
            if exchange is not None and exchange.overdue and exchange.id is not None:
                stacks[exchange.id] = str(Stack.of(running.gr_frame))
                self._running[running] = None
                gevent.kill(running)
        return stacks

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at once (INT, QUIT): in a greenlet of its own, since the hook may wait."""
        gevent.spawn(super().handle_quit, sig, frame)

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """Reopen the log files, in a greenlet of its own."""
        gevent.spawn(super().handle_usr1, sig, frame)


class GeventPyWSGIWorker(GeventWorker):
    """gevent's `WSGIServer` for each listener; `wsgi_handler` is for subclasses to exchange."""

    server_class: type[PyWSGIServer] = PyWSGIServer
    wsgi_handler: type[WSGIHandler] = PyWSGIHandler

    def run(self) -> None:
        """Serve without the engine until `alive` is False."""
        self._leaving = Event()
        serve(self)

    def rest(self, seconds: float) -> None:
        """Let the greenlets run for so long, or until a stop is asked for."""
        self._leaving.wait(seconds)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the current work (TERM)."""
        super().handle_exit(sig, frame)
        self._leaving.set()
