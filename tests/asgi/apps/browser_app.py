"""A page for a browser, and what its script opens: event streams and WebSockets."""

from __future__ import annotations

import os
from pathlib import Path

from routes import Receive, Routes, Scope, Send, answer, tell, token, whole

application = Routes()
PAGE = Path(__file__).with_name("browser.html").read_bytes()
STREAM = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}


@application.on("/events-page")
@application.on("/messages-page")
@application.on("/reload-page")
async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The page; its script looks at the path."""
    await answer(send, PAGE, 200, (b"content-type", b"text/html"))


@application.on("/seen")
async def seen(scope: Scope, receive: Receive, send: Send) -> None:
    """Log what the script has seen."""
    tell(token(scope), "SEEN", (await whole(receive)).decode())
    await answer(send)


async def stream(scope: Scope, receive: Receive, send: Send, *parts: str) -> None:
    """An event stream that stays open until its client leaves, or the server stops."""
    await whole(receive)
    await send(STREAM)
    for part in parts:
        await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
    event = await receive()
    tell(token(scope), event["type"])
    await send({"type": "http.response.body", "body": b""})


@application.on("/events")
async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """With and without a name, over two lines, and one that comes in two pieces."""
    await stream(
        scope,
        receive,
        send,
        "id: 1\ndata: first\n\n: a comment\n\n",
        "id: 2\ndata: two\ndata: lines ✓\n\nevent: greeting\nid: 3\nda",
        "ta: hello\n\n",
        "event: end\ndata: \n\n",
    )


@application.on("/numbers")
async def numbers(scope: Scope, receive: Receive, send: Send) -> None:
    """One event: the number after the last that the client has, and the worker."""
    last = int(dict(scope["headers"]).get(b"last-event-id", b"0"))
    event = f"retry: 10\nid: {last + 1}\ndata: after {last}, from {os.getpid()}\n\n"
    await stream(scope, receive, send, event)


@application.on("/echo")
async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Messages as they come; the last subprotocol that is offered."""
    await receive()
    tell(token(scope), "websocket over", scope["http_version"])
    await send({"type": "websocket.accept", "subprotocol": [None, *scope["subprotocols"]][-1]})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    tell(token(scope), event["type"], event["code"], event["reason"])


@application.on("/close")
async def close(_scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, and close with a code and a reason."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4001, "reason": "bye ✓"})


@application.on("/refuse")
async def refuse(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close before accept: 403."""
    await receive()
    await send({"type": "websocket.close"})
