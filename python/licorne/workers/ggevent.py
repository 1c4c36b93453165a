"""The gevent worker: a greenlet for each request; gevent's hub polls the engine.

`gevent_pywsgi` and `gevent_wsgi` are gevent's own server instead, one for each listener.
"""

from __future__ import annotations

import os
from importlib import metadata

import gevent
from gevent import monkey
from gevent.event import Event
from gevent.pool import Pool
from gevent.threading import _DummyThread  # type: ignore[import-not-found]

from licorne import ondemand
from licorne.workers.greenlets import GreenletWorker, Waiter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne._engine import Exchange


class GeventWorker(GreenletWorker):
    """`worker_connections` greenlets of gevent's for each listener."""

    def patch(self) -> None:
        """Make the standard library let other greenlets run; for subclasses to extend.

        gevent looks for plugins in the metadata of all that is installed, at each of some 25
        steps: that is read once. Where much is installed, it was most of a worker's start.
        """
        read = metadata.entry_points
        metadata.entry_points = read().select
        try:
            monkey.patch_all()
        finally:
            metadata.entry_points = read

    def make_hub(self) -> None:
        """Now: it may read files that the worker's user must not, once it is that user's.

        One that came through the fork was begun again there (`unpatched.begin_again`).
        """
        self._loop = gevent.get_hub().loop
        # By itself gevent listens to the ends of children only from behind the first fork on: a
        # child that had ended by then would be waited for for ever.
        os.register_at_fork(before=self._loop.install_sigchld)
        # What `threading` says of a greenlet that it did not start. A thread that a request starts
        # copies it, and would be lost at the end of the worker.
        _DummyThread._daemonic = False

    def join_threads(self) -> None:
        """Leave it to gevent, which waits for threads that are no daemons, but not for greenlets.

        From Python 3.13 on it would wait for those that `threading` knows of, and for ever.
        """
        _DummyThread._daemonic = True

    def make_waiter(self) -> Waiter:
        """An event of gevent's."""
        event = Event()
        return Waiter(event.wait, event.set)

    def watch(self, fd: int, turn: Callable[[], None]) -> None:
        """Have the hub watch the engine."""
        self._watcher = self._loop.io(fd, 1)
        self._timer = self._loop.timer(0)
        self._end = Event()
        self._pool = Pool(self.max_clients())
        self._watcher.start(turn)

    def leave_to_parent(self) -> None:
        """gevent gives the child a poller of its own, where the engine must not be."""
        super().leave_to_parent()
        if self.engine is not None:
            self._watcher.stop()
            self._timer.stop()

    def call_later(self, seconds: float, turn: Callable[[], None]) -> None:
        """Set the hub's timer."""
        self._timer.close()
        self._timer = self._loop.timer(seconds)
        self._timer.start(turn)

    def spawn(self, function: Callable[[], None]) -> None:
        """A greenlet outside the pool."""
        gevent.spawn(function)

    def free_greenlets(self) -> int:
        """As the pool counts: those that have ended count until the hub has seen it."""
        return int(self._pool.free_count())

    def spawn_in_pool(self, exchange: Exchange) -> None:
        """Start a greenlet, without a wait."""
        self._pool.spawn(self.handle_exchange, exchange)

    def once_left(self, function: Callable[[], None]) -> None:
        """Behind the pool, which lets go of it in the same way."""
        me = gevent.getcurrent()
        me.rawlink(lambda _me: function())  # type: ignore[attr-defined]  # a Greenlet

    def call_soon(self, function: Callable[[], None]) -> None:
        """At the hub's next round."""
        self._loop.run_callback(function)

    def tell_end(self) -> None:
        """Wake the main greenlet."""
        self._end.set()

    def wait_for_end(self) -> None:
        """Wait in the main greenlet; greenlets that are left then have a second to end."""
        self._end.wait()
        self._watcher.close()
        self._timer.close()
        self.end_all()
        self._pool.join(timeout=1)


#: gevent's own server, which few configurations name: it takes as long to load as all the rest.
__getattr__: Callable[[str], object] = ondemand.names(
    __name__,
    dict.fromkeys(
        ("GeventPyWSGIWorker", "PyWSGIHandler", "PyWSGIServer"), "licorne.workers.gpywsgi"
    ),
)
