"""What an operator sees: requests that wait in named coroutines, that end, that are counted."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from routes import Receive, Routes, Scope, Send, answer, gate, tell, token

application = Routes()


@application.on("/")
async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    """This process's id."""
    await answer(send, str(os.getpid()))


@application.on("/fields")
async def fields(scope: Scope, _receive: Receive, send: Send) -> None:
    """With a field of its own, and the id of the request as the application sees it."""
    names = dict(scope["headers"])
    await answer(send, names.get(b"x-request-id", b""), 200, (b"x-app", b"said"))


async def in_the_depth(name: str) -> None:
    """Wait at the gate."""
    await gate(name).wait()


async def in_the_view(name: str) -> None:
    """Call the depth."""
    await in_the_depth(name)


@application.on("/wait")
async def wait(scope: Scope, _receive: Receive, send: Send) -> None:
    """Wait in a chain of coroutines; tell if it is cancelled."""
    tell(token(scope), "waits")
    try:
        await in_the_view(token(scope))
    except asyncio.CancelledError:
        tell(token(scope), "cancelled")
        raise
    await answer(send, b"waited")


@application.on("/block")
async def block(scope: Scope, _receive: Receive, _send: Send) -> None:
    """Block the loop, in the first step of the task or in a later one; tell how that ends."""
    if token(scope) == "later":
        await asyncio.sleep(0)
    tell(token(scope), "blocks")
    try:
        Path(os.environ["FIFO"]).read_bytes()  # noqa: ASYNC240 - blocks on purpose
    except BaseException as error:
        tell(token(scope), type(error).__name__)
        raise


@application.on("/wait-begun")
async def wait_begun(scope: Scope, _receive: Receive, send: Send) -> None:
    """Wait in the middle of a response."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"part", "more_body": True})
    tell(token(scope), "waits")
    await in_the_view(token(scope))


@application.on("/raise")
async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Fail."""
    raise RuntimeError("failed")


@application.on("/ws")
async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Be idle until the end, and tell of it."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "accepted"})
    event = await receive()
    tell(token(scope), event["type"], event.get("code"))


@application.on("/events")
async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """An event stream that listens for the end of its client, or of the server."""
    await receive()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream")],
        }
    )
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    try:
        event = await receive()
    except asyncio.CancelledError:
        tell(token(scope), "cancelled")
        raise
    tell(token(scope), event["type"])
    await send({"type": "http.response.body", "body": b""})


@application.on("/deaf-events")
async def deaf_events(scope: Scope, _receive: Receive, send: Send) -> None:
    """An event stream that listens for nothing: it is cancelled at the end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
    try:
        await gate(token(scope)).wait()
    except asyncio.CancelledError:
        tell(token(scope), "cancelled")
        raise
