"""HTTP by ASGI 3.0: what a request is, and every way to answer it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote

from routes import Receive, Routes, Scope, Send, answer, gate, tell, token, whole

if TYPE_CHECKING:
    from collections.abc import Callable

application = Routes()


@application.on("/mounted/scope")
@application.on("/scope")
async def show_scope(scope: Scope, receive: Receive, send: Send) -> None:
    """The scope as Python source; and then spoil it, which the next request must not see."""
    await whole(receive)
    shown = repr(dict(scope))
    scope["spoilt"] = True
    scope["asgi"]["spoilt"] = True
    scope["headers"].append((b"spoilt", b""))
    scope.get("extensions", {})["spoilt"] = {}
    scope.get("state", {})["spoilt"] = True
    scope["type"] = "spoilt"
    await answer(send, shown)


KEPT: list[object] = []
#: What an application may do to its scope, by the word for it in a query.
DEEDS: dict[str, Callable[[Scope], object]] = {
    "nothing": lambda _scope: None,
    "key": lambda scope: scope.update(more=1),
    "value": lambda scope: scope.update(path="/other"),
    "missing": lambda scope: scope.pop("root_path"),
    "moved": lambda scope: scope.update(scheme=scope.pop("scheme")),
    "client": lambda scope: scope.update(client=("other", 1)),
    "asgi": lambda scope: scope["asgi"].update(version="1.0"),
    "extensions": lambda scope: scope["extensions"].clear(),
    "state": lambda scope: scope["state"].update(more=1),
    "field": lambda scope: scope["headers"].append((b"more", b"1")),
    "other field": lambda scope: scope["headers"].__setitem__(0, (b"host", b"other")),
    "kept": KEPT.append,
    "kept fields": lambda scope: KEPT.append(scope["headers"]),
    "kept state": lambda scope: KEPT.append(scope["state"]),
    "kept in a cycle": lambda scope: scope["state"].update(scope=scope),
}
#: Requests so far with each of them.
done: Counter[str] = Counter()


@application.on("/deed")
async def deed(scope: Scope, _receive: Receive, send: Send) -> None:
    """The scope as Python source, and whether others have it. Every other time it is spoilt."""
    word = unquote(token(scope))
    parts = (scope, *scope.values())
    others = any(part is each for part in parts for each in KEPT)
    shown = repr((dict(scope), others))
    done[word] += 1
    if done[word] % 2 == 0:
        DEEDS[word](scope)
    await answer(send, shown)


@application.on("/smörgås bord/a/b")
async def decoded(scope: Scope, _receive: Receive, send: Send) -> None:
    """A path that has to be decoded."""
    await answer(send, repr((scope["path"], scope["raw_path"], scope["query_string"])))


@application.on("/events")
async def events(_scope: Scope, receive: Receive, send: Send) -> None:
    """The events of a request: for each its keys' values."""
    seen = []
    while True:
        event = await receive()
        body = event.get("body", b"")
        seen.append((event["type"], type(body).__name__, len(body), event.get("more_body", False)))
        if not event.get("more_body", False):
            break
    await answer(send, repr(seen))


@application.on("/digest")
async def digest(_scope: Scope, receive: Receive, send: Send) -> None:
    """Length and SHA-256 of the body."""
    total, hashed = 0, hashlib.sha256()
    while True:
        event = await receive()
        assert event["type"] == "http.request", event
        total += len(event.get("body", b""))
        hashed.update(event.get("body", b""))
        if not event.get("more_body"):
            break
    await answer(send, f"{total} {hashed.hexdigest()}")


@application.on("/echo")
async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """The body, whole."""
    await answer(send, await whole(receive))


@application.on("/duplex")
async def duplex(_scope: Scope, receive: Receive, send: Send) -> None:
    """Each part of the body as it comes."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        body = {"type": "http.response.body", "body": event["body"], "more_body": more}
        await send(body)


@application.on("/early")
async def early(_scope: Scope, receive: Receive, send: Send) -> None:
    """The answer after the first part of the body."""
    event = await receive()
    await answer(send, event["body"])


@application.on("/unread")
async def unread(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An answer without a look at the body."""
    await answer(send, b"unread")


@application.on("/slow-reader")
async def slow_reader(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the first part, wait at the gate, and read the rest."""
    first = await receive()
    tell(token(scope), "waits")
    await gate(token(scope)).wait()
    hashed = hashlib.sha256(first["body"])
    more = first["more_body"]
    while more:
        event = await receive()
        hashed.update(event["body"])
        more = event.get("more_body", False)
    await answer(send, hashed.hexdigest())


sent: dict[str, int] = {}


@application.on("/flood")
async def flood(scope: Scope, _receive: Receive, send: Send) -> None:
    """1,024 blocks of 64 KiB; `/flooded` tells how many were taken."""
    block = bytes(65536)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(1, 1025):
        try:
            await send({"type": "http.response.body", "body": block, "more_body": True})
        except OSError as error:
            tell(token(scope), "OSError", type(error).__mro__[-4:])
            raise
        sent[token(scope)] = number
    await send({"type": "http.response.body", "body": b""})
    tell(token(scope), "flooded")


@application.on("/flooded")
async def flooded(scope: Scope, _receive: Receive, send: Send) -> None:
    """How many blocks of `/flood` were taken."""
    await answer(send, str(sent.get(token(scope), 0)))


@application.on("/stream")
async def stream(scope: Scope, _receive: Receive, send: Send) -> None:
    """Two blocks, the second one when the gate is open."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await gate(token(scope)).wait()
    await send({"type": "http.response.body", "body": b"second", "more_body": False})


@application.on("/stream-length")
async def stream_length(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Three blocks, of a length that is told before."""
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"9"), (b"content-type", b"text/plain")],
        }
    )
    for number in range(3):
        body = str(number).encode() * 3
        await send({"type": "http.response.body", "body": body, "more_body": number < 2})


@application.on("/no-body-key")
async def no_body_key(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Events without the keys that have a default."""
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


@application.on("/types")
async def types(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Bytes and sequences in their other forms."""
    fields = ((b"X-One", b"1"), [b"x-two", b"2"], (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
    await send({"type": "http.response.start", "status": 201, "headers": iter(fields)})
    await send({"type": "http.response.body", "body": b"ok"})


@application.on("/status")
async def status(scope: Scope, _receive: Receive, send: Send) -> None:
    """A response of that status, with a body wherever it is allowed."""
    number = int(token(scope))
    start = {"type": "http.response.start", "status": number, "headers": [(b"x-status", b"yes")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"" if number in {204, 304} else b"body"})


@application.on("/early-hint")
async def early_hint(scope: Scope, _receive: Receive, send: Send) -> None:
    """103 by the extension."""
    assert "http.response.early_hint" in scope["extensions"]
    links = [b"</a.css>; rel=preload; as=style", b"</b.js>; rel=preload; as=script"]
    await send({"type": "http.response.early_hint", "links": links})
    await answer(send, b"hinted")


@application.on("/informational")
async def informational(_scope: Scope, _receive: Receive, send: Send) -> None:
    """103 by the event of gunicorn's asgi worker."""
    fields = [(b"link", b"</a.css>; rel=preload")]
    event = {"type": "http.response.informational", "status": 103, "headers": fields}
    await send(event)
    await answer(send, b"informed")


@application.on("/trailers")
async def trailers(scope: Scope, _receive: Receive, send: Send) -> None:
    """A body with trailers."""
    assert "http.response.trailers" in scope["extensions"]
    fields = [(b"trailer", b"x-sum")]
    start = {"type": "http.response.start", "status": 200, "headers": fields, "trailers": True}
    await send(start)
    await send({"type": "http.response.body", "body": b"summed", "more_body": False})
    trailer = [(b"x-sum", b"42"), (b"x-more", b"yes")]
    await send({"type": "http.response.trailers", "headers": trailer, "more_trailers": False})


@application.on("/pathsend")
async def pathsend(scope: Scope, _receive: Receive, send: Send) -> None:
    """A file by its path."""
    assert "http.response.pathsend" in scope["extensions"]
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(b"pathsend" * 30000)
    length = (b"content-length", b"240000")
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.pathsend", "path": file.name})
    os.unlink(file.name)


@application.on("/pathsend-missing")
async def pathsend_missing(scope: Scope, _receive: Receive, send: Send) -> None:
    """A file that is not there."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        await send({"type": "http.response.pathsend", "path": "/nowhere/at/all"})
    except OSError as error:
        tell(token(scope), type(error).__name__)
        await send({"type": "http.response.body", "body": b"missing"})


@application.on("/zerocopysend")
async def zerocopysend(scope: Scope, _receive: Receive, send: Send) -> None:
    """Parts of a file by its descriptor, and a block between them."""
    assert "http.response.zerocopysend" in scope["extensions"]
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        file.seek(1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        event = {"type": "http.response.zerocopysend", "file": file.fileno(), "more_body": True}
        # From an offset, a count of bytes.
        await send({**event, "offset": 3, "count": 2})
        await send({"type": "http.response.body", "body": b"-", "more_body": True})
        # From where the file stands, to its end.
        file.seek(7)
        await send({**event, "more_body": False})


@application.on("/state")
async def state(scope: Scope, _receive: Receive, send: Send) -> None:
    """A slow request: it waits at the gate."""
    await gate(token(scope)).wait()
    await answer(send, b"late")


@application.on("/loop")
async def loop_name(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The class of the loop."""
    loop = asyncio.get_running_loop()
    await answer(send, f"{type(loop).__module__} {loop.get_debug()}")
