"""Says which place in a trace the application sees; WSGI and ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def application(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
    """`/fail` raises."""
    if environ["PATH_INFO"] == "/fail":
        raise RuntimeError("as asked")
    start_response("200 OK", [])
    return [environ.get("HTTP_TRACEPARENT", "none").encode()]


async def asgi(
    scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
) -> None:
    """The same for ASGI, with an echo for WebSocket."""
    seen = [value for name, value in scope.get("headers", ()) if name == b"traceparent"]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": b",".join(seen)})
        await send({"type": "websocket.close"})
    elif scope["type"] == "http":
        if scope["path"] == "/fail":
            raise RuntimeError("as asked")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b",".join(seen) or b"none"})
