"""The same answers by WSGI and by ASGI, for tests of HTTP/2.

What only the inside can see is written to stderr, where the test waits for the line.
"""

# ruff: noqa: PLC0415 - asyncio is half of a start, and half of the worker types do without

from __future__ import annotations

import hashlib
import json
import sys
from urllib.parse import parse_qsl

from gates import meet, meet_on_loop, wait_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    Environ = dict[str, object]
    StartResponse = Callable[..., Callable[[bytes], object]]
    Scope = dict[str, object]
    Receive = Callable[[], Awaitable[dict[str, object]]]
    Send = Callable[[dict[str, object]], Awaitable[None]]

BLOCK = b"0123456789abcdef" * 1024
LINK = "</style.css>; rel=preload"
SUM = "X-Sum"


def tell(line: str) -> None:
    """Write a line for the test to wait for."""
    sys.stderr.write(f"app: {line}\n")


def application(  # noqa: C901, PLR0911 - one branch for each path
    environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    """By WSGI."""
    path = str(environ["PATH_INFO"])
    asked = dict(parse_qsl(str(environ["QUERY_STRING"])))
    tell(f"called {environ['RAW_URI']}")
    if path == "/environ":
        shown = {k: v for k, v in environ.items() if isinstance(v, (str, int))}
        return answered(start_response, json.dumps(shown).encode())
    if path == "/size":
        return answered(start_response, b"x" * int(asked["n"]))
    if path == "/stream":
        start_response("200 OK", [])
        return blocks(int(asked["n"]))
    if path == "/digest":
        return answered(start_response, digest_of(environ["wsgi.input"]))
    if path == "/hints":
        environ["wsgi.early_hints"]([("Link", LINK)])  # type: ignore[operator]
    elif path == "/trailers":
        environ["gunicorn.http2.send_trailers"]([(SUM, "1")])  # type: ignore[operator]
    elif path == "/hold":
        wait_at(asked["gate"])
    elif path == "/meet":
        meet(int(asked["n"]))
    elif path == "/fail":
        raise ValueError("as asked")
    elif path == "/late":
        start_response("200 OK", [])
        return broken()
    elif path == "/short":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"four"]
    elif path == "/empty":
        start_response(asked["status"], [])
        return []
    return answered(start_response, b"hello")


def answered(start_response: StartResponse, body: bytes) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "keep-alive")])
    return [body]


def blocks(count: int) -> Iterator[bytes]:
    try:
        for _ in range(count):
            yield BLOCK
    finally:
        tell("generator closed")


def broken() -> Iterator[bytes]:
    yield b"begun"
    raise ValueError("as asked")


def digest_of(body: object) -> bytes:
    seen = hashlib.sha256()
    while block := body.read(65536):  # type: ignore[attr-defined]
        seen.update(block)
    return seen.hexdigest().encode()


async def asgi(  # noqa: C901 - one branch for each path
    scope: Scope, receive: Receive, send: Send
) -> None:
    """By ASGI."""
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    path = str(scope["path"])
    query = scope["query_string"]
    assert isinstance(query, bytes)
    asked = dict(parse_qsl(query.decode()))
    tell(f"called {path}" + (f"?{query.decode()}" if query else ""))
    head: dict[str, object] = {"type": "http.response.start", "status": 200}
    body = b"hello"
    if path == "/environ":
        body = json.dumps({"http_version": scope["http_version"]}).encode()
    elif path == "/size":
        body = b"x" * int(asked["n"])
    elif path == "/digest":
        body = (await digest(receive)).encode()
    elif path == "/hints":
        await send({"type": "http.response.early_hint", "links": [LINK.encode()]})
    elif path == "/hold":
        await hold(receive, asked["gate"])
    elif path == "/meet":
        await meet_on_loop(int(asked["n"]))
    elif path == "/fail":
        raise ValueError("as asked")
    elif path == "/empty":
        head["status"], body = int(asked["status"][:3]), b""
    elif path == "/short":
        head["headers"], body = [(b"content-length", b"10")], b"four"
    elif path == "/before":
        return await before(int(asked["status"]), receive, send)
    elif path in ("/stream", "/late", "/trailers"):
        return await piecemeal(path, int(asked.get("n", "1")), head, send)
    await send(head)
    await send({"type": "http.response.body", "body": body})
    return None


async def piecemeal(path: str, count: int, head: dict[str, object], send: Send) -> None:
    trailers = path == "/trailers"
    await send({**head, "trailers": trailers})
    block = BLOCK if path == "/stream" else b"hello"
    try:
        for _ in range(count):
            await send({"type": "http.response.body", "body": block, "more_body": True})
        if path == "/late":
            raise ValueError("as asked")
        await send({"type": "http.response.body", "body": b""})
        if trailers:
            await send({"type": "http.response.trailers", "headers": [(SUM.encode(), b"1")]})
    finally:
        tell("generator closed")


async def before(status: int, receive: Receive, send: Send) -> None:
    """A response without content, and then the body of the request."""
    await send({"type": "http.response.start", "status": status})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    tell(f"read {await digest(receive)}")
    await send({"type": "http.response.body", "body": b""})
    tell(f"{status} is complete")


async def hold(receive: Receive, gate: str) -> None:
    """Until the gate is opened, or the client has left."""
    import asyncio

    opened = asyncio.get_running_loop().run_in_executor(None, wait_at, gate)
    left = asyncio.ensure_future(disconnected(receive))
    await asyncio.wait([opened, left], return_when=asyncio.FIRST_COMPLETED)
    if left.done():
        tell("disconnect")
    left.cancel()


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def digest(receive: Receive) -> str:
    seen = hashlib.sha256()
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return "no more"
        seen.update(event.get("body", b""))  # type: ignore[arg-type]
        more = bool(event.get("more_body"))
    return seen.hexdigest()


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
