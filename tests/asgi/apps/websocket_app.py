"""WebSocket by ASGI: accepting, refusing, messages, and the one disconnect."""

from __future__ import annotations

import asyncio

from routes import Event, Receive, Routes, Scope, Send, gate, tell, token

application = Routes()


async def accept(receive: Receive, send: Send, **more: object) -> None:
    """Take the connection."""
    event = await receive()
    assert event["type"] == "websocket.connect", event
    await send({"type": "websocket.accept", **more})


async def text(send: Send, words: object) -> None:
    """Send a text message."""
    await send({"type": "websocket.send", "text": str(words)})


async def until_disconnect(scope: Scope, receive: Receive) -> Event:
    """Skip messages; tell of the disconnect."""
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            tell(token(scope), "disconnect", event["code"], repr(event.get("reason")))
            return event


@application.on("/scope")
async def show_scope(scope: Scope, receive: Receive, send: Send) -> None:
    """The scope as Python source."""
    await accept(receive, send)
    await text(send, repr(dict(scope)))
    await until_disconnect(scope, receive)


@application.on("/echo")
async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Messages as they come, until the client closes."""
    await accept(receive, send)
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            if token(scope):
                tell(token(scope), "disconnect", event["code"], repr(event.get("reason")))
            return
        if event.get("text") is not None:
            await send({"type": "websocket.send", "text": event["text"]})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})


@application.on("/keys")
async def keys(scope: Scope, receive: Receive, send: Send) -> None:
    """What a message event has, by kind."""
    await accept(receive, send)
    for _ in range(2):
        event = await receive()
        await text(send, sorted((key, value) for key, value in event.items() if value is not None))
    await until_disconnect(scope, receive)


@application.on("/subprotocol")
async def subprotocol(scope: Scope, receive: Receive, send: Send) -> None:
    """The last one that the client offers, and further header fields."""
    chosen = scope["subprotocols"][-1]
    await accept(
        receive, send, subprotocol=chosen, headers=[(b"x-one", b"1"), (b"set-cookie", b"a=b")]
    )
    await text(send, scope["subprotocols"])
    await until_disconnect(scope, receive)


@application.on("/refuse")
async def refuse(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close before accept: 403."""
    await receive()
    await send({"type": "websocket.close", "code": 4321})


@application.on("/deny")
async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    """Another answer than 403, by the extension."""
    assert "websocket.http.response" in scope["extensions"]
    await receive()
    fields = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Basic")]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": fields})
    body = {"type": "websocket.http.response.body", "body": b"not ", "more_body": True}
    await send(body)
    await send({"type": "websocket.http.response.body", "body": b"allowed"})


@application.on("/deny-with-success")
async def deny_with_success(scope: Scope, receive: Receive, send: Send) -> None:
    """A denial with 200, which accepts over HTTP/2: `send` raises there."""
    await receive()
    try:
        await send({"type": "websocket.http.response.start", "status": 200, "headers": []})
    except ValueError as error:
        tell(token(scope), "ValueError", error)
        raise
    await send({"type": "websocket.http.response.body", "body": b"no"})


@application.on("/close")
async def close(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept, say a word, and close with a code and a reason."""
    await accept(receive, send)
    await text(send, "bye")
    await send({"type": "websocket.close", "code": 4001, "reason": "enough ✓"})
    await until_disconnect(scope, receive)


@application.on("/close-plainly")
async def close_plainly(_scope: Scope, receive: Receive, send: Send) -> None:
    """Close without a code: 1000."""
    await accept(receive, send)
    await send({"type": "websocket.close"})


@application.on("/return")
async def returning(_scope: Scope, receive: Receive, send: Send) -> None:
    """Return without closing."""
    await accept(receive, send)
    await text(send, "bye")


@application.on("/raise")
async def raising(_scope: Scope, receive: Receive, send: Send) -> None:
    """Raise after accepting."""
    await accept(receive, send)
    raise RuntimeError("the application failed")


@application.on("/raise-first")
async def raise_first(_scope: Scope, receive: Receive, _send: Send) -> None:
    """Raise before accepting."""
    await receive()
    raise RuntimeError("the application failed")


@application.on("/early-messages")
async def early_messages(_scope: Scope, receive: Receive, send: Send) -> None:
    """Messages right behind the accept, before the client says a word; then an echo."""
    await accept(receive, send)
    for number in range(100):
        await send({"type": "websocket.send", "text": str(number)})
    event = await receive()
    await text(send, event["text"])


@application.on("/once")
async def once(scope: Scope, receive: Receive, send: Send) -> None:
    """The disconnect, and whether another event follows it."""
    await accept(receive, send)
    await until_disconnect(scope, receive)
    try:
        event = await asyncio.wait_for(receive(), 0.05)
    except asyncio.TimeoutError:
        tell(token(scope), "nothing follows")
    except Exception as error:
        tell(token(scope), "nothing follows", type(error).__name__)
    else:
        tell(token(scope), "follows", event["type"])


@application.on("/send-after")
async def send_after(scope: Scope, receive: Receive, send: Send) -> None:
    """Send after the client has left: OSError, or nothing."""
    await accept(receive, send)
    await until_disconnect(scope, receive)
    try:
        await text(send, "too late")
    except OSError:
        tell(token(scope), "OSError")
    else:
        tell(token(scope), "no error")


@application.on("/both-ways")
async def both_ways(scope: Scope, receive: Receive, send: Send) -> None:
    """A task that sends while another one receives."""
    await accept(receive, send)

    async def talk() -> None:
        for number in range(50):
            await text(send, number)
            await asyncio.sleep(0)

    talking = asyncio.create_task(talk())
    event = await receive()
    await talking
    await text(send, event["text"])
    await until_disconnect(scope, receive)


@application.on("/receiving-first")
async def receiving_first(scope: Scope, receive: Receive, send: Send) -> None:
    """A task receives, before and after another one accepts (as in Quart)."""
    event = await receive()
    assert event["type"] == "websocket.connect"
    receiving = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    await send({"type": "websocket.accept"})
    event = await receiving
    await text(send, event["text"])
    await until_disconnect(scope, receive)


@application.on("/busy")
async def busy(scope: Scope, receive: Receive, send: Send) -> None:
    """Do not receive until the gate is open."""
    await accept(receive, send)
    await text(send, "busy")
    await gate(token(scope)).wait()
    total = 0
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        if event.get("text") == "end":
            break
        total += len(event["bytes"])
    await text(send, total)
    await until_disconnect(scope, receive)


sent: dict[str, int] = {}


@application.on("/flood")
async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """1,024 messages of 64 KiB."""
    await accept(receive, send)
    try:
        for number in range(1, 1025):
            await send({"type": "websocket.send", "bytes": bytes(65536)})
            sent[token(scope)] = number
    except OSError:
        tell(token(scope), "OSError")
        raise
    tell(token(scope), "flooded")


@application.on("/flooded")
async def flooded(scope: Scope, _receive: Receive, send: Send) -> None:
    """How many of them were taken (over HTTP)."""
    body = str(sent.get(token(scope), 0)).encode()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


@application.on("/mistake")
async def mistake(scope: Scope, receive: Receive, send: Send) -> None:
    """A mistake by name; the error is told, and the connection closed."""
    events: dict[str, Event] = {
        "twice": {"type": "websocket.accept"},
        "http": {"type": "http.response.start", "status": 200, "headers": []},
        "empty": {"type": "websocket.send"},
        "both": {"type": "websocket.send", "text": "a", "bytes": b"a"},
        "bytes": {"type": "websocket.send", "text": b"bytes"},
        "str": {"type": "websocket.send", "bytes": "text"},
        "code": {"type": "websocket.close", "code": 1005},
        "reason": {"type": "websocket.close", "code": 1000, "reason": "x" * 200},
    }
    name, _, word = token(scope).partition("&")
    await accept(receive, send)
    try:
        await send(events[name])
    except Exception as error:
        tell(word, type(error).__name__, error)
        raise
