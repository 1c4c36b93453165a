"""The engine under Django's development server, in its process: no master, no fork.

Django's runserver says where to listen, gives the application and waits: in the main thread, or
with its reloader in another one. Requests run on the threads of `workers.gthread`; those of an ASGI
application on a loop, as those of `workers.gasgi`.
"""

from __future__ import annotations

import atexit
import logging
import os
import socketserver
import sys
import threading
import time

from licorne import sock, util
from licorne.app.base import BaseApplication
from licorne.asgi.recognise import is_asgi
from licorne.errors import StartFailed
from licorne.glogging import Logger
from licorne.glogging.atoms import status_code
from licorne.workers.gthread import ThreadWorker
from licorne.workers.slots import Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from _typeshed.wsgi import WSGIApplication as WSGIApp

    from licorne.glogging.atoms import RequestLike, ResponseLike
    from licorne.workers.engine import EngineWorker as Worker
    from licorne.workers.engine_config import Kind

#: Requests at a time. Django's own server has no limit; a thread that waits costs next to nothing.
THREADS = 64
#: Seconds that requests in hand get when the server ends or begins anew.
GRACE = 1
#: Seconds between two looks for an interrupt, at the most.
LOOK = 0.5


class Development(BaseApplication):
    """The settings of the development server: none from files or the command line."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from a worker in production."""
        chosen = {
            "workers": 1,  # WEB_CONCURRENCY may say otherwise
            "threads": self._threads,
            "graceful_timeout": GRACE,
            "timeout": 0,  # a debugger may keep a request for long
        }
        for name, value in chosen.items():
            self.cfg.set(name, value, origin="runserver")


class DevelopmentLog(Logger):
    """Access lines go where Django's own server writes them: the logger `django.server`."""

    def access(
        self,
        resp: ResponseLike,
        req: RequestLike,
        environ: Mapping[str, object],
        request_time: timedelta,
    ) -> None:
        """Write the line of one request, with Django's format, arguments and levels."""
        del request_time
        # Empty, when the application took the connection over.
        status = status_code(resp.status)
        asked = " ".join(
            str(environ.get(name, "-")) for name in ("REQUEST_METHOD", "RAW_URI", "SERVER_PROTOCOL")
        )
        level = {"4": logging.WARNING, "5": logging.ERROR}.get(status[:1], logging.INFO)
        logging.getLogger("django.server").log(
            level,
            '"%s" %s %s',
            asked,
            status,
            str(resp.sent),
            extra={
                "request": req,
                "server_time": time.strftime("%d/%b/%Y %H:%M:%S"),
                "status_code": int(status) if status.isdigit() else None,
            },
        )


class DevelopmentWorker(ThreadWorker):
    """The threads and the engine of gthread, without a process of their own."""

    def engine_kind(self) -> Kind:
        """With one thread, the application may rely on being alone (`--nothreading`)."""
        kind = super().engine_kind()
        kind.alone = self.cfg.threads <= 1
        return kind


def _asgi_worker() -> type[Worker]:
    """The asgi worker, without a process of its own; asyncio is imported for it."""
    import asyncio  # noqa: PLC0415 - only for ASGI

    from licorne.asgi.loops import new_loop  # noqa: PLC0415 - the same
    from licorne.workers.gasgi import ASGIWorker  # noqa: PLC0415 - the same

    class DevelopmentASGIWorker(ASGIWorker):
        """The loop of asgi workers, on a thread beside the main one."""

        def run(self) -> None:
            """Start the application, and serve it."""
            asyncio.set_event_loop(new_loop(self.cfg.asgi_loop))
            self.start_application()
            super().run()

    return DevelopmentASGIWorker


class EngineServer:
    """What runserver makes and runs, its `server_cls` (django.core.servers.basehttp.run)."""

    #: The one that serves in this process; set once, when it begins.
    serving: EngineServer | None = None

    def __init__(self, address: tuple[str, int], _handlers: type, ipv6: bool = False) -> None:
        """Listen; what an OSError means is said by Django."""
        threaded = isinstance(self, socketserver.ThreadingMixIn)
        self._settings = Development(THREADS if threaded else 1)
        cfg = self._settings.cfg
        self._log = DevelopmentLog(cfg)
        self._listener = (sock.TCP6Socket if ipv6 else sock.TCPSocket)(address, cfg, self._log)
        util.close_on_exec(self._listener.fileno())
        self.server_port = int(self._listener.sock.getsockname()[1])
        self._worker: Worker | None = None
        self._ended = threading.Event()

    def set_app(self, application: WSGIApp) -> None:
        """Take what to serve, WSGI or ASGI."""
        kind = _asgi_worker() if is_asgi(application) else DevelopmentWorker
        cfg = self._settings.cfg
        worker = kind(1, 0, [self._listener], self._settings, 0, cfg, self._log)
        worker.wsgi = application
        Slots(1, max(THREADS, cfg.threads)).take(worker)
        self._worker = worker

    def serve_forever(self) -> None:
        """Serve until `stop`, or until an interrupt comes out of here."""
        EngineServer.serving = self
        # Beside this thread: what interrupts it leaves the server's own loop whole.
        threading.Thread(target=self._serve, name="licorne-server", daemon=True).start()
        while not self._ended.wait(LOOK):
            # The kernel gives a signal to any thread, and nothing else would wake this one for it.
            pass

    def _serve(self) -> None:
        try:
            if self._worker is not None:
                self._worker.run()
        except StartFailed as error:
            self._log.error("%s", error, exc_info=error.__cause__)
        finally:
            self._ended.set()

    def stop(self) -> bool:
        """End, with a moment for requests in hand; False when one of them takes longer."""
        worker = self._worker
        if worker is None:
            return True
        board, engine = worker.scoreboard, worker.engine
        # For a worker that has not made its engine yet.
        worker.alive = False
        if engine is not None and board is not None:
            engine.stop(GRACE if board.read(worker.slot).in_flight else 0)
        # All threads have left the engine then, and it is closed.
        return self._ended.wait(2 * GRACE)


def leave(status: object) -> None:
    """End the server of this process, if there is one; requests that hang end with the process.

    The interpreter must not be torn down while their threads are inside the engine: they could
    neither go on nor be unwound.
    """
    server = EngineServer.serving
    try:
        ended = server is None or server.stop()
    except KeyboardInterrupt:
        # The second one: requests that wait have waited long enough.
        ended = False
    if not ended:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)
