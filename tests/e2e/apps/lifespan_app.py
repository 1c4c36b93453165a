"""ASGI applications for the start and the end of asgi workers."""

from __future__ import annotations

import asyncio
import os
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, object]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

NAME = ContextVar("NAME", default="unset")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Tell what the lifespan has left; say its events."""
    if scope["type"] == "lifespan":
        await receive()
        NAME.set("by the lifespan")
        scope["state"]["pool"] = "a pool"  # type: ignore[index]
        sys.stderr.write("started\n")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        sys.stderr.write("ended\n")
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/sleep":
        await asyncio.sleep(600)
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    text = f"{NAME.get()}, {scope['state']['pool']}, {loop}".encode()  # type: ignore[index]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


class Double:
    """The same in ASGI's second form."""

    def __init__(self, scope: Message) -> None:
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Answer."""
        await app(self.scope, receive, send)


def refuses() -> bool:
    """Whether the file is there that the environment names."""
    return os.path.exists(os.environ["REFUSES"])


async def refusing(scope: Message, receive: Receive, send: Send) -> None:
    """Start only while that file is not there."""
    if scope["type"] == "lifespan" and refuses():
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        return
    await app(scope, receive, send)


async def without(scope: Message, receive: Receive, send: Send) -> None:
    """Have no lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    scope["state"] = {"pool": "none"}
    await app(scope, receive, send)


async def slow(scope: Message, receive: Receive, send: Send) -> None:
    """Never come to the end of the start."""
    await receive()
    sys.stderr.write("starting\n")
    try:
        await asyncio.sleep(600)
    finally:
        sys.stderr.write("cancelled\n")
    await app(scope, receive, send)


def wsgi(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    """Be WSGI."""
    start_response("200 OK", [])
    return []
