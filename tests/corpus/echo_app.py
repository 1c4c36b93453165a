"""Answers with what it was given, as JSON: the application behind the corpus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Tell the request back; every text is latin-1, as in the environ itself."""
    seen = {
        "method": environ["REQUEST_METHOD"],
        "target": environ["RAW_URI"],
        "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "version": environ["SERVER_PROTOCOL"],
        "scheme": environ["wsgi.url_scheme"],
        "client": environ["REMOTE_ADDR"],
        "port": environ.get("REMOTE_PORT"),
        "fields": {name: value for name, value in environ.items() if _is_field(name)},
        "body": environ["wsgi.input"].read().decode("latin-1"),
    }
    answer = json.dumps(seen).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]


def _is_field(name: str) -> bool:
    return name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
