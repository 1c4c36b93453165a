"""What the applications here have in common: paths, gates, and lines of the log for their tests."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any

from collecting import COLLECT

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

signal.signal(COLLECT, lambda *_: gc.collect() and None)

#: What a request waits at until another one, `/open?NAME`, opens it.
gates: dict[str, asyncio.Event] = {}


def tell(*words: object) -> None:
    """Write one line that the test waits for, in one piece."""
    os.write(2, f"TOLD {' '.join(map(str, words))}\n".encode())


def token(scope: Scope) -> str:
    """The word by which the test knows this request: its query."""
    return str(scope["query_string"].decode())


def gate(name: str) -> asyncio.Event:
    """The gate of that name, on the loop that runs."""
    return gates.setdefault(name, asyncio.Event())


async def answer(send: Send, body: bytes | str = b"", status: int = 200, *more: object) -> None:
    """A whole response, with a Content-Length; `more`: further header fields."""
    data = body.encode() if isinstance(body, str) else body
    fields = [(b"content-length", str(len(data)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": data})


async def blocks() -> AsyncGenerator[bytes, None]:
    """What a site streams: three blocks."""
    for number in range(3):
        await asyncio.sleep(0)
        yield f"block {number}\n".encode()


async def endless_blocks(word: str) -> AsyncGenerator[bytes, None]:
    """What a site streams until the client has left; it is freed then."""
    try:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.001)
    finally:
        tell(word, "freed")


async def whole(receive: Receive) -> bytes:
    """The body of a request to its end."""
    parts = []
    while True:
        event = await receive()
        assert event["type"] == "http.request", event
        parts.append(event.get("body", b""))
        if not event.get("more_body"):
            return b"".join(parts)


class Routes:
    """An ASGI application: a function for each path, and a lifespan without anything to do."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {"/open": _open}

    def on(self, path: str) -> Callable[[Handler], Handler]:
        """Decorate the function for a path."""

        def add(handler: Handler) -> Handler:
            self.handlers[path] = handler
            return handler

        return add

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the function of the path; 404 for all others."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        handler = self.handlers.get(scope["path"])
        if handler is None:
            await answer(send, b"not found", 404)
        else:
            await handler(scope, receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    """A start and an end without anything to do."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _open(scope: Scope, _receive: Receive, send: Send) -> None:
    gate(token(scope)).set()
    await answer(send, b"open")
