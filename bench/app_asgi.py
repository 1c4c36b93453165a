"""The ASGI application that every server serves: one path per scenario.

As `app.py`, it does as little as can be done. `/events` keeps its streams open: each gets one event
at once, one when `/publish` is asked for, and ends with the one after that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypedDict

from bench.app import BLOCK, BLOCKS, HELLO, PAUSE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Headers = list[tuple[bytes, bytes]]


class Scope(TypedDict):
    """What the application reads of a scope."""

    type: str
    path: str


class Event(TypedDict, total=False):
    """What the application reads and writes of events."""

    type: str
    body: bytes
    more_body: bool
    status: int
    headers: Headers
    bytes: bytes | None
    text: str | None


if TYPE_CHECKING:
    Receive = Callable[[], Awaitable[Event]]
    Send = Callable[[Event], Awaitable[None]]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer by path; `/` first, because it is the one that is counted in microseconds."""
    if scope["type"] == "http":
        path = scope["path"]
        if path == "/":
            await send(HELLO_START)
            await send(HELLO_BODY)
        else:
            await PATHS.get(path, missing)(receive, send)
    elif scope["type"] == "websocket":
        await websocket(receive, send)
    else:
        await lifespan(receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    """Say that nothing has to be started and stopped."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def websocket(receive: Receive, send: Send) -> None:
    """Send each message back."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        data = event.get("bytes")
        if data is not None:
            await send({"type": "websocket.send", "bytes": data})
        else:
            await send({"type": "websocket.send", "text": event["text"]})


async def echo(receive: Receive, send: Send) -> None:
    """Send the request's body back."""
    blocks = []
    more = True
    while more:
        event = await receive()
        blocks.append(event.get("body", b""))
        more = event.get("more_body", False)
    await whole(send, b"".join(blocks))


async def upload(receive: Receive, send: Send) -> None:
    """Read the request's body and answer its size."""
    size = 0
    more = True
    while more:
        event = await receive()
        size += len(event.get("body", b""))
        more = event.get("more_body", False)
    await whole(send, b"%d" % size)


async def stream(_receive: Receive, send: Send) -> None:
    """Answer 1,000 blocks of 1 KB without saying how many."""
    await send(STREAM_START)
    for _ in range(BLOCKS):
        await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def halting(_receive: Receive, send: Send) -> None:
    """Answer two blocks with a pause between: does the first one leave before the second?"""
    await send(STREAM_START)
    await send({"type": "http.response.body", "body": BLOCK, "more_body": True})
    await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": BLOCK, "more_body": False})


async def events(_receive: Receive, send: Send) -> None:
    """Stay open for two events beside the one that is sent at once."""
    await send(EVENTS_START)
    await send({"type": "http.response.body", "body": EVENTS[0], "more_body": True})
    for number in (1, 2):
        waiting = asyncio.get_running_loop().create_future()
        WAITING.append(waiting)
        await waiting
        more = number < 2
        await send({"type": "http.response.body", "body": EVENTS[number], "more_body": more})


async def publish(_receive: Receive, send: Send) -> None:
    """Send the next event to all streams, and answer how many these are."""
    streams = WAITING.copy()
    WAITING.clear()
    for each in streams:
        if not each.done():  # cancelled: its client has left
            each.set_result(None)
    await whole(send, b"%d" % len(streams))


async def missing(_receive: Receive, send: Send) -> None:
    """There is no such path."""
    await send({"type": "http.response.start", "status": 404, "headers": head(0)})
    await send({"type": "http.response.body", "body": b""})


async def whole(send: Send, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": head(len(body))})
    await send({"type": "http.response.body", "body": body})


def head(length: int) -> Headers:
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % length),
    ]


HELLO_START: Event = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(HELLO))],
}
HELLO_BODY: Event = {"type": "http.response.body", "body": HELLO}
STREAM_START: Event = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/octet-stream")],
}
EVENTS_START: Event = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}
EVENTS = (b"data: first\n\n", b"data: published\n\n", b"data: last\n\n")
WAITING: list[asyncio.Future[None]] = []
PATHS = {
    "/echo": echo,
    "/upload": upload,
    "/stream": stream,
    "/halting": halting,
    "/events": events,
    "/publish": publish,
}
