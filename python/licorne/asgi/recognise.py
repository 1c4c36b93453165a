"""Which applications are ASGI, and which of its two forms they have.

WSGI is a call with two arguments that is no coroutine function (PEP 3333). ASGI is a coroutine
function with three (`scope, receive, send`), or, in its second version, a call with the scope
alone, whose value is called with the other two.
"""

from __future__ import annotations

from functools import partial
from types import MethodType

from licorne.errors import StartFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inspect import Signature

    from typing_extensions import TypeIs

    from licorne.asgi.types import ASGIApplication, Called, Receive, Scope, Send

#: The flag of a code object that belongs to an `async def` (`inspect.CO_COROUTINE`).
CO_COROUTINE = 0x80
SCOPE = "scope"


def is_asgi(app: object) -> bool:
    """Whether a callable is an ASGI application; never for one that WSGI could call."""
    if _is_coroutine_function(app):
        return True
    if _shape(app)[1] == 2:
        # Nearly all of them: nothing else is to be imported for it.
        return False
    found = _signature(app) if callable(app) else None
    if found is None or _takes(found, 2):
        return False
    return _takes(found, 3) or (_takes(found, 1) and next(iter(found.parameters)) == SCOPE)


def asgi3(app: object) -> ASGIApplication:
    """The application as a coroutine function of three arguments, which is what a task needs.

    Raises StartFailed for one that ASGI cannot call. The user has said that it is ASGI: where the
    signature does not decide, it is.
    """
    if not callable(app):
        raise StartFailed(f"{app!r} is no application: it cannot be called")
    called: Called = app
    found = _signature(app)
    if found is not None:
        if _takes(found, 1) and not (_takes(found, 3) or _is_coroutine_function(app)):
            return _doubled(called)
        if not _takes(found, 3) or (_takes(found, 2) and not _takes(found, 1)):
            raise StartFailed(
                f"the worker type asgi calls app(scope, receive, send), and {_named(app)}{found} "
                "cannot be called so; for a WSGI application leave -k away, or use -k sync or "
                "-k gthread"
            )
    return app if _is_coroutine_function(app) else _awaited(called)


def _doubled(app: Called) -> ASGIApplication:
    async def single(scope: Scope, receive: Receive, send: Send) -> None:
        instance = app(scope)
        await instance(receive, send)  # type: ignore[operator]

    return single


def _awaited(app: Called) -> ASGIApplication:
    """For one whose value is awaited, but may be no coroutine (an object with `__await__`)."""

    async def single(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)  # type: ignore[misc]

    return single


def _named(app: object) -> str:
    return getattr(app, "__qualname__", type(app).__qualname__)


def _is_coroutine_function(app: object) -> TypeIs[ASGIApplication]:
    """Whether a call makes a coroutine, whatever its arguments are."""
    while isinstance(app, partial):
        app = app.func
    return bool(_shape(app)[0] & CO_COROUTINE)


def _shape(app: object) -> tuple[int, int]:
    """Flags and number of arguments of the code behind a function, method or object; or zeros."""
    bound = 0
    if isinstance(app, MethodType):
        app, bound = app.__func__, 1
    elif not isinstance(app, type) and not hasattr(type(app), "__code__"):
        app, bound = getattr(type(app), "__call__", None), 1  # noqa: B004 - not whether, but which
    code: object = getattr(app, "__code__", None) if hasattr(type(app), "__code__") else None
    return getattr(code, "co_flags", 0), getattr(code, "co_argcount", 0) - bound


def _signature(app: object) -> Signature | None:
    from inspect import signature  # noqa: PLC0415 - few applications need a closer look

    try:
        # What a decorator says of the function inside is not how the decorator is called.
        return signature(app, follow_wrapped=False)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        # One of C, which does not say.
        return None


def _takes(signature: Signature, count: int) -> bool:
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True
