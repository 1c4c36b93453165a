"""`req` and `resp` of hooks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from licorne.config import Config
from licorne.http.views import Request, Response

if TYPE_CHECKING:
    from licorne._engine import Exchange

CFG = Config()


def exchange(**fields: object) -> Exchange:
    """The attributes of an exchange; the native one comes from a connection only."""
    return cast("Exchange", SimpleNamespace(**fields))


def test_a_request_asks_its_exchange() -> None:
    environ = {"wsgi.input": "the body"}
    fields: dict[str, object] = {
        "method": "GET",
        "uri": "/a%20b?x",
        "path": "/a%20b",
        "query": "x",
        "version": (1, 1),
        "headers": [("HOST", "h")],
        "scheme": "http",
        "remote_addr": ("127.0.0.1", 5),
        "environ": environ,
    }
    req = Request(exchange(**fields), CFG)
    for name, value in fields.items():
        if name != "environ":
            assert getattr(req, name) == value
    assert req.peer_addr == ("127.0.0.1", 5)
    assert req.body == "the body"
    assert Request(exchange(environ=None), CFG).body is None


@pytest.mark.parametrize(
    ("status", "headers", "code", "length"),
    [
        ("200 OK", [("Content-Length", "5")], 200, 5),
        ("404", [("X", "1")], 404, None),
        ("", [], None, None),
        ("200 OK", [("content-length", "odd")], 200, None),
    ],
)
def test_a_response(
    status: str, headers: list[tuple[str, str]], code: int | None, length: int | None
) -> None:
    made = exchange(status=status, response_headers=headers, sent=3, headers_sent=True)
    resp = Response(made, Request(made, CFG))
    assert (resp.status, resp.headers, resp.sent, resp.headers_sent) == (status, headers, 3, True)
    assert resp.status_code == code
    assert resp.response_length == length
