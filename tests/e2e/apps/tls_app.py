"""Tells what it was told of the connection; in both interfaces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    Event = dict[str, object]


def application(
    environ: dict[str, object], start_response: Callable[..., object]
) -> Iterable[bytes]:
    """The environ's entries that are text."""
    if environ["PATH_INFO"] == "/large":
        start_response("200 OK", [("Content-Length", str(3_000_000))])
        return [b"x" * 1_000_000] * 3
    if environ["PATH_INFO"] == "/echo":
        body = environ["wsgi.input"].read()  # type: ignore[attr-defined]
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("as asked")
    if environ["PATH_INFO"] == "/hsts":
        start_response("204 No Content", [("Strict-Transport-Security", "max-age=1")])
        return []
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(
    scope: dict[str, object],
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """The scope's scheme and its extension `tls`; messages of a WebSocket come back."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        event = await receive()
        text = f"{scope['scheme']} {event['text']}"
        await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close"})
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")  # type: ignore[operator]
        if not event.get("more_body"):
            break
    extensions: dict[str, object] = scope["extensions"]  # type: ignore[assignment]
    if scope["path"] == "/large":
        body = b"x" * 3_000_000
    elif scope["path"] != "/echo":
        told = {"scheme": scope["scheme"], "tls": extensions.get("tls")}
        body = json.dumps(told).encode()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
