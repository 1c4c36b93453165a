"""Applications that do wrong, one by path; what `send` raises is not caught."""

from __future__ import annotations

import asyncio
from typing import Any

from routes import Receive, Routes, Scope, Send, answer, tell, token

application = Routes()

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-app", b"yes")]}
BODY = {"type": "http.response.body", "body": b"body"}
MORE = {"type": "http.response.body", "body": b"part", "more_body": True}


def start(**more: object) -> dict[str, Any]:
    """A start with other values."""
    return {**START, **more}


#: Path → what is sent, one after the other.
SENT: dict[str, list[Any]] = {
    "/returns": [],
    "/returns-after-start": [START],
    "/returns-after-a-part": [START, MORE],
    "/starts-twice": [START, START],
    "/starts-after-a-part": [START, MORE, START],
    "/answers-twice": [START, BODY, START],
    "/body-after-the-end": [START, BODY, BODY],
    "/body-first": [BODY],
    "/no-dict": [["http.response.start"]],
    "/no-type": [{"status": 200}],
    "/unknown-type": [{"type": "http.response.begin", "status": 200}],
    "/websocket-event": [{"type": "websocket.accept"}],
    "/no-status": [{"type": "http.response.start", "headers": []}],
    "/status-text": [start(status="200 OK")],
    "/status-range": [start(status=99)],
    "/body-text": [START, {"type": "http.response.body", "body": "text"}],
    "/header-text": [start(headers=[("x-text", "text")])],
    "/header-name": [start(headers=[(b"x bad", b"1")])],
    "/header-value": [start(headers=[(b"x-bad", b"1\r\nx-smuggled: 2")])],
    "/header-single": [start(headers=[(b"x-alone",)])],
    "/headers-none": [start(headers=None)],
    "/length-twice": [start(headers=[(b"content-length", b"4"), (b"content-length", b"5")]), BODY],
    "/length-text": [start(headers=[(b"content-length", b"four")]), BODY],
    "/too-long": [start(headers=[(b"content-length", b"2")]), BODY],
    "/too-short": [start(headers=[(b"content-length", b"9")]), BODY],
    "/trailers-unannounced": [
        START,
        MORE,
        {"type": "http.response.trailers", "headers": [(b"a", b"b")]},
    ],
}


async def send_all(scope: Scope, _receive: Receive, send: Send) -> None:
    """Send the events of the path."""
    for event in SENT[scope["path"]]:
        await send(event)


for each in SENT:
    application.on(each)(send_all)


@application.on("/raises")
async def raises(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Before the start."""
    raise RuntimeError("raised before the start")


@application.on("/raises-later")
async def raises_later(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Before the start, after the first step."""
    await asyncio.sleep(0.001)
    raise RuntimeError("raised before the start")


@application.on("/raises-after-start")
async def raises_after_start(_scope: Scope, _receive: Receive, send: Send) -> None:
    """After the start, of which nothing has left."""
    await send(START)
    raise RuntimeError("raised after the start")


@application.on("/raises-after-a-part")
async def raises_after_a_part(_scope: Scope, _receive: Receive, send: Send) -> None:
    """When a part of the body is on its way."""
    await send(START)
    await send(MORE)
    await asyncio.sleep(0.01)
    raise RuntimeError("raised after a part")


@application.on("/raises-after-the-end")
async def raises_after_the_end(_scope: Scope, _receive: Receive, send: Send) -> None:
    """When the response is complete."""
    await answer(send, b"whole")
    raise RuntimeError("raised after the end")


@application.on("/raises-group")
async def raises_group(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """BaseException that is no Exception."""
    raise KeyError("a key with\na line")


@application.on("/cancels-itself")
async def cancels_itself(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Cancel the own task."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(10)


@application.on("/receives-for-ever")
async def receives_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
    """Receive behind the end of the body, without ever answering."""
    while True:
        event = await receive()
        tell(token(scope), event["type"])
        if event["type"] == "http.disconnect":
            break
    await send(START)


@application.on("/well")
async def well(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Nothing wrong."""
    await answer(send, b"well")
