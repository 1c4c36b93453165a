"""Applications of every kind, for a server that finds out which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routes import Receive, Scope, Send, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


async def single(scope: Scope, _receive: Receive, send: Send) -> None:
    """ASGI 3."""
    assert scope["type"] == "http"
    await answer(send, b"single")


class Instance:
    """ASGI 3, as an object."""

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        assert scope["type"] == "http"
        await answer(send, b"instance")


class Double:
    """ASGI 2."""

    def __init__(self, scope: Scope) -> None:
        assert scope["type"] == "http"

    async def __call__(self, _receive: Receive, send: Send) -> None:
        """Answer."""
        await answer(send, b"double")


instance = Instance()
method = Instance().__call__


def wsgi(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI."""
    start_response("200 OK", [("Content-Length", "4")])
    return [b"wsgi"]
