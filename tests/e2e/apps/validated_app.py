"""An echo under `wsgiref.validate`, which checks both sides of PEP 3333."""

from __future__ import annotations

from typing import TYPE_CHECKING
from wsgiref.validate import validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def echo(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Send the body back, line by line and in a list of one."""
    lines = []
    while line := environ["wsgi.input"].readline(100):  # type: ignore[attr-defined]
        lines.append(line)
    body = b"".join(lines)
    environ["wsgi.errors"].write("echoed\n")  # type: ignore[attr-defined]
    environ["wsgi.errors"].flush()  # type: ignore[attr-defined]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []


application = validator(echo)
