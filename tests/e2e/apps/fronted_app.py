"""Tells how a request came, in the words of the environ, as WSGI and as ASGI."""

from __future__ import annotations

import hashlib
import json
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping
    from typing import IO, Any

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    Event = MutableMapping[str, Any]

BLOCK = bytes(range(256)) * 1024
#: How many of them a path has; the second more than a kernel takes.
BLOCKS = {"/blocks": 8, "/large": 100}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """WSGI: texts of the environ, with the digest of the body; or what the path asks for."""
    path = environ["PATH_INFO"]
    if path in BLOCKS:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (BLOCK for _ in range(BLOCKS[path]))
    if path == "/file":
        start_response("200 OK", [("Content-Length", str(len(BLOCK)))])
        return environ["wsgi.file_wrapper"](_file())
    if path == "/fail":
        raise RuntimeError("as asked")
    if path == "/short":
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    body = environ["wsgi.input"].read()
    told["digest"], told["length"] = hashlib.sha256(body).hexdigest(), str(len(body))
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Told", "yes")])
    return [json.dumps(told).encode()]


def _file() -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    file.write(BLOCK)
    file.seek(0)
    return file


async def asgi(
    scope: Event,
    receive: Callable[[], Awaitable[Event]],
    send: Callable[[Event], Awaitable[None]],
) -> None:
    """ASGI: the same, as far as a scope has it."""
    if scope["type"] != "http":
        return
    path = scope["path"].removeprefix(scope["root_path"])
    status, headers, blocks = 200, [], []
    if path == "/fail":
        raise RuntimeError("as asked")
    if path in BLOCKS or path == "/file":
        blocks = [BLOCK] * BLOCKS.get(path, 1)
    elif path == "/empty":
        status = 204
    elif path == "/short":
        headers, blocks = [(b"content-length", b"10")], [b"short"]
    else:
        headers, blocks = [(b"x-told", b"yes")], [await _told(scope, path, receive)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for block in blocks:
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body"})


async def _told(scope: Event, path: str, receive: Callable[[], Awaitable[Event]]) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    client = scope["client"] or ("", 0)
    told = {
        "REQUEST_METHOD": scope["method"],
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope["scheme"],
        "SCRIPT_NAME": scope["root_path"],
        "PATH_INFO": path,
        "QUERY_STRING": scope["query_string"].decode(),
        "digest": hashlib.sha256(body).hexdigest(),
        "length": str(len(body)),
    }
    if client[1]:
        told["REMOTE_PORT"] = str(client[1])
    for name, value in scope["headers"]:
        told["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode("latin-1")
    return json.dumps(told).encode()
