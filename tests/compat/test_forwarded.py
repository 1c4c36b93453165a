"""What a proxy may say, asked of the real gunicorn and of licorne: the answers are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from e2e.server import Serve, Server

pytest.importorskip("gunicorn.config", reason="the real gunicorn is not installed")

#: Header lines of one request each.
REQUESTS: tuple[tuple[str, ...], ...] = (
    (),
    ("X-Forwarded-Proto: https",),
    ("X-Forwarded-Proto: HTTPS",),
    ("X-Forwarded-Proto: http",),
    ("X-Forwarded-Proto: ",),
    ("X-Forwarded-Proto: https,http",),
    ("X-Forwarded-Proto: https", "X-Forwarded-Proto: https"),
    ("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"),
    ("X-Forwarded-Protocol: ssl", "X-Forwarded-Ssl: on"),
    ("SCRIPT_NAME: /app",),
    ("Script_Name: /app",),
    ("SCRIPT-NAME: /app",),
    ("SCRIPT_NAME: /ap",),
    ("SCRIPT_NAME: /other",),
    ("SCRIPT_NAME: ",),
    ("PATH_INFO: /z",),
    ("SCRIPT_NAME: /app", "PATH_INFO: /app/z"),
    ("X_A: 1",),
    ("X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7;proto=https", "X-Forwarded-Host: b"),
)


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--forwarded-allow-ips", "10.0.0.0/8"),
        ("--forwarded-allow-ips", "*"),
        ("--header-map", "refuse"),
        ("--header-map", "dangerous", "--forwarded-allow-ips", "10.0.0.1"),
        ("--forwarder-headers", "X_A"),
    ],
    ids=" ".join,
)
def test_the_same_answers(serve: Serve, args: tuple[str, ...]) -> None:
    # A SCRIPT_NAME that does not fit is told of with a traceback, by both.
    theirs, ours = (
        serve("origin_app:app", *args, program=("-m", name), tracebacks=True)
        for name in ("gunicorn", "licorne")
    )
    expected = {fields: answer(theirs, fields) for fields in REQUESTS}
    assert {fields: answer(ours, fields) for fields in REQUESTS} == expected
    assert any(status == 200 for status, _ in expected.values())


def answer(server: Server, fields: tuple[str, ...]) -> tuple[int, dict[str, str | None]]:
    """Status, and what the application saw but for the port of the connection."""
    with server.client() as client:
        client.get("/app/x", *fields, close=True)
        told = client.response()
    seen = json.loads(told.body) if told.status == 200 else {}
    seen.pop("REMOTE_PORT", None)
    return told.status, seen
