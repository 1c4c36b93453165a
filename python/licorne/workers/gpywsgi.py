"""gevent's own `WSGIServer`, one for each listener, with gunicorn's environ and access log.

Where it is asked for (`gevent_pywsgi`, `gevent_wsgi`, gevent-websocket): connections and
requests are gevent's here, and what licorne's engine does about them does not apply.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import timedelta

import gevent
import gevent.socket
from gevent.event import Event
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from licorne.http.wsgi import base_environ
from licorne.workers.ggevent import GeventWorker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from licorne.glogging import Logger
    from licorne.sock import BaseSocket


#: What the environ has of ours, as on the other worker types; gevent fills in the rest.
OURS = ("wsgi.errors", "wsgi.file_wrapper", "wsgi.multiprocess", "wsgi.multithread")


class _Answer:
    """The response of a handler, as `Logger.access` looks at it."""

    def __init__(self, handler: WSGIHandler) -> None:
        self.status: str = handler.status or "-"
        self.headers: Sequence[tuple[str, object]] = handler.response_headers or []
        self.sent: int = handler.response_length


class _Asked:
    """The request of a handler, as `Logger.access` looks at it."""

    def __init__(self, handler: WSGIHandler) -> None:
        fields = handler.headers
        self.headers: Sequence[tuple[str, object]] = list(fields.items()) if fields else []


class PyWSGIServer(WSGIServer):
    """gevent's server; it knows the worker's log."""

    worker_log: Logger


class PyWSGIHandler(WSGIHandler):
    """gevent's handler with gunicorn's environ keys and access log."""

    server: PyWSGIServer

    def log_request(self) -> None:
        """Write the access line of gunicorn's format."""
        started = self.time_start or 0.0
        took = timedelta(seconds=(self.time_finish or time.time()) - started)
        environ = getattr(self, "environ", None) or {}
        self.server.worker_log.access(_Answer(self), _Asked(self), environ, took)

    def get_environ(self) -> dict[str, object]:
        """`gunicorn.sock` and `RAW_URI` beside PEP 3333."""
        environ: dict[str, object] = super().get_environ()
        environ["gunicorn.sock"] = self.socket
        environ["RAW_URI"] = self.path
        # Made of a field `Proxy`; HTTP clients would take it for the proxy to use.
        environ.pop("HTTP_PROXY", None)
        return environ


def serve(worker: GeventPyWSGIWorker) -> None:
    """Serve until `alive` is False, then let what is in hand end within `graceful_timeout`."""
    pools = [Pool(worker.cfg.worker_connections) for _ in worker.sockets]
    both = zip(worker.sockets, pools, strict=True)
    servers = [_start(worker, listener, pool) for listener, pool in both]
    while worker.alive:
        worker.notify()
        if os.getppid() != worker.ppid:
            worker.log.info("Parent changed, shutting down: %s", worker)
            worker.alive = False
        else:
            worker.rest(1.0)
    for server in servers:
        server.close()
    end = time.monotonic() + worker.cfg.graceful_timeout
    while time.monotonic() < end and any(pools):
        worker.notify()
        gevent.wait([each for pool in pools for each in pool], timeout=1.0)
    for server in servers:
        server.stop(timeout=1)


def _start(worker: GeventPyWSGIWorker, listener: BaseSocket, pool: Pool) -> PyWSGIServer:
    cfg = worker.cfg
    shared = base_environ(cfg, multithread=True)
    environ = {name: shared[name] for name in OURS}
    environ["SERVER_SOFTWARE"] = f"gevent/{gevent.__version__} {shared['SERVER_SOFTWARE']}"
    server = worker.server_class(
        # Its own copy: gevent closes it.
        gevent.socket.socket(fileno=os.dup(listener.fileno())),
        application=worker.wsgi,
        spawn=pool,
        log=None,
        error_log=logging.getLogger("gunicorn.error"),
        handler_class=worker.wsgi_handler,
        environ=environ,
    )
    server.worker_log = worker.log
    if cfg.workers > 1:
        # What is accepted is served here: leave other connections to the siblings.
        server.max_accept = 1
    server.start()
    return server


class GeventPyWSGIWorker(GeventWorker):
    """gevent's `WSGIServer` for each listener; `wsgi_handler` is for subclasses to exchange."""

    #: The listeners are gevent's.
    on_engine = False

    server_class: type[PyWSGIServer] = PyWSGIServer
    wsgi_handler: type[WSGIHandler] = PyWSGIHandler

    def make_hub(self) -> None:
        """With what wakes it at a stop: that may come while the application is loaded."""
        super().make_hub()
        self._leaving = Event()

    def run(self) -> None:
        """Serve without the engine until `alive` is False."""
        if self.alive:
            serve(self)

    def rest(self, seconds: float) -> None:
        """Let the greenlets run for so long, or until a stop is asked for."""
        self._leaving.wait(seconds)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the current work (TERM)."""
        super().handle_exit(sig, frame)
        self._leaving.set()
