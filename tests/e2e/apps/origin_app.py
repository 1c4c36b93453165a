"""Tells how a request came, as far as the environ says."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEYS = ("wsgi.url_scheme", "REMOTE_ADDR", "REMOTE_PORT", "HTTP_HOST", "SCRIPT_NAME", "PATH_INFO")


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The keys that a proxy has a say in; those that are missing are null."""
    body = json.dumps({key: environ.get(key) for key in KEYS}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
