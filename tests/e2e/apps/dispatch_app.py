"""Requests that keep their whole worker, and others that tell which worker ran them, and how."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEYS = (
    *("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "SERVER_PORT"),
    *("SERVER_NAME", "REMOTE_ADDR", "REMOTE_PORT", "wsgi.url_scheme", "HTTP_X_REQUEST_ID"),
)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Hold the worker at a pipe, asleep or computing; or tell what came, and where."""
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    if environ["PATH_INFO"] == "/hold":
        tell(f"{os.getpid()} is held")
        # Not in the way of greenlets: as a driver written in C waits for its database.
        os.close(os.open(query["gate"], os.O_RDONLY))
    elif environ["PATH_INFO"] == "/spin":
        tell(f"{os.getpid()} is held")
        while not os.path.exists(query["gate"]):
            sum(range(20_000))
    else:
        tell(f"{os.getpid()} runs {environ['PATH_INFO']}")
    body = answer(environ)
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", [*head, ("X-Pid", str(os.getpid()))])
    return [body]


def answer(environ: WSGIEnvironment) -> bytes:
    """The process, the size and digest of the body, and part of the environ."""
    stream: IO[bytes] = environ["wsgi.input"]
    seen, size = hashlib.sha256(), 0
    while block := stream.read(65536):
        seen.update(block)
        size += len(block)
    told: dict[str, object] = {"pid": os.getpid(), "size": size, "digest": seen.hexdigest()}
    return json.dumps(told | {key: environ.get(key) for key in KEYS}).encode()


def tell(line: str) -> None:
    """Write a line for the test to wait for."""
    sys.stderr.write(f"app: {line}\n")
