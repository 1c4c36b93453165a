"""A worker for WSGI whose application turns out to be ASGI: it becomes an asgi worker, or refuses.

What the application is, is known when it is loaded: in the worker, before its engine is made. The
type is the user's choice where one was made, by a flag, a file or the environment.
"""

from __future__ import annotations

import asyncio

from licorne.asgi.loops import new_loop
from licorne.workers.gasgi import ASGIWorker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from licorne.workers.engine import EngineWorker


def asgi(worker: EngineWorker) -> None:
    """Have the worker, whose application is ASGI, serve it, or say what is wrong."""
    app: object = worker.wsgi
    uri: object = getattr(worker.app, "app_uri", None)
    name = str(uri or getattr(app, "__name__", type(app).__name__))
    # A program may have given its arbiter another class.
    if worker.cfg.is_default("worker_class") and type(worker) is worker.cfg.worker_class:
        _become(worker, name)
        return
    worker.log.error(
        "%s is an ASGI application, and the worker type %s serves WSGI: every request is answered "
        "500. Use -k asgi, or leave -k (worker_class, from %s) away.",
        name,
        worker.cfg.worker_class_str,
        worker.cfg.origins["worker_class"],
    )
    worker.wsgi = _refusal


def _become(worker: EngineWorker, name: str) -> None:
    if worker.age == 1:
        worker.log.info("%s is an ASGI application: the worker type is asgi", name)
        ASGIWorker.tell_threads(worker.cfg, worker.log)
    worker.cfg.set("worker_class", "asgi", origin="the application")
    asyncio.set_event_loop(new_loop(worker.cfg.asgi_loop))
    # The same object: hooks may know it, and have put things on it.
    worker.__class__ = ASGIWorker
    # Handlers are methods of the class that it had.
    worker.init_signals()
    if worker.kinds is not None:
        worker.kinds[worker.slot] = 1


def _refusal(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = b"Internal Server Error\n"
    length = str(len(body))
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", length)]
    start_response("500 Internal Server Error", fields)
    return [body]
