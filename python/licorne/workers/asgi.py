"""ASGI applications under a WSGI worker type: recognised before the first request, and refused.

WSGI is a call with two arguments that is no coroutine function (PEP 3333). ASGI is a coroutine
function with three (`scope, receive, send`), or, in its second version, a call with the scope
alone.
"""

from __future__ import annotations

from functools import partial
from types import MethodType

from licorne import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from inspect import Signature

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from licorne.workers.base import Worker

#: The flag of a code object that belongs to an `async def` (`inspect.CO_COROUTINE`).
CO_COROUTINE = 0x80
SCOPE = "scope"


def is_asgi(app: object) -> bool:
    """Whether a callable is an ASGI application; never for one that WSGI could call."""
    inner = app
    while isinstance(inner, partial):
        inner = inner.func
    flags, count = _shape(inner)
    if flags & CO_COROUTINE:
        return True
    if inner is app and count == 2:
        # Nearly all of them: nothing else is to be imported for it.
        return False
    return callable(app) and _is_called_so(app)


def _shape(app: object) -> tuple[int, int]:
    """Flags and number of arguments of the code behind a function, method or object; or zeros."""
    bound = 0
    if isinstance(app, MethodType):
        app, bound = app.__func__, 1
    elif not isinstance(app, type) and not hasattr(type(app), "__code__"):
        app, bound = getattr(type(app), "__call__", None), 1  # noqa: B004 - not whether, but which
    code: object = getattr(app, "__code__", None) if hasattr(type(app), "__code__") else None
    return getattr(code, "co_flags", 0), getattr(code, "co_argcount", 0) - bound


def _is_called_so(app: object) -> bool:
    from inspect import signature  # noqa: PLC0415 - few applications need a closer look

    try:
        # What a decorator says of the function inside is not how the decorator is called.
        found = signature(app, follow_wrapped=False)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        # One of C, which does not say.
        return False
    if _takes(found, 2):
        return False
    return _takes(found, 3) or (_takes(found, 1) and next(iter(found.parameters)) == SCOPE)


def _takes(signature: Signature, count: int) -> bool:
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def refuse(worker: Worker) -> WSGIApplication:
    """Say what is wrong, once; what answers the requests instead."""
    app: object = worker.wsgi
    named = getattr(worker.app, "app_uri", None) or getattr(app, "__name__", type(app).__name__)
    worker.log.error(
        "%s is an ASGI application, and the worker type %s serves WSGI: every request is answered "
        "500. The worker type asgi is not available yet in licorne %s; an ASGI server's own worker "
        "class can be used, such as -k uvicorn_worker.UvicornWorker.",
        named,
        worker.cfg.worker_class_str,
        __version__,
    )
    return _refusal


def _refusal(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = b"Internal Server Error\n"
    length = str(len(body))
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", length)]
    start_response("500 Internal Server Error", fields)
    return [body]
