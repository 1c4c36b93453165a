"""What tests/compat/configs are for: a site of few paths, that says when it is loaded."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Environ = dict[str, object]
    StartResponse = Callable[[str, list[tuple[str, str]]], object]

#: What of the environ says the same whatever the port and the server.
TOLD = (
    "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "RAW_URI", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "REMOTE_USER", "SERVER_NAME", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST",
    "HTTP_REMOTE_USER", "HTTP_X_FORWARDED_FOR", "wsgi.url_scheme", "wsgi.version",
    "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once", "wsgi.input_terminated",
)  # fmt: skip


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Find the answer by path."""
    path = str(environ["PATH_INFO"])
    if path == "/fail":
        raise LookupError("the site fails")
    body = json.dumps(inside(environ)).encode() if path == "/inside" else b"hello from the site"
    status = "404 Not Found" if path == "/missing" else "200 OK"
    head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("X-Site", "yes")]
    start_response(status, head)
    return [body]


def inside(environ: Environ) -> dict[str, object]:
    """What the application sees of the request and of its process."""
    before = os.umask(0)
    os.umask(before)
    variables = {name: value for name, value in os.environ.items() if name.startswith("SITE_")}
    seen = {name: environ[name] for name in TOLD if name in environ}
    stream: Callable[[], bytes] = environ["wsgi.input"].read  # type: ignore[attr-defined]
    return seen | {
        "umask": before, "variables": variables, "body": stream().decode("latin-1"),
    }  # fmt: skip


def tell(line: str) -> None:
    """Write a line for the test."""
    os.write(2, f"app in {os.getpid()}: {line}\n".encode())


tell("loaded")
