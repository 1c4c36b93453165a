"""`HttpRequest`: the workers' parser and encoder for what the master answers itself."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licorne._engine import HttpRequest

WHOLE = b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n"


def request(data: bytes = WHOLE) -> HttpRequest:
    made = HttpRequest(16384, "licorne")
    assert made.feed(data)
    return made


@given(st.lists(st.integers(0, len(WHOLE))))
def test_however_it_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    pieces = [WHOLE[a:b] for a, b in pairwise(places)]
    made = HttpRequest(16384, "licorne")
    told = [made.feed(piece) for piece in pieces]
    assert told[-1]
    assert (made.method, made.path, made.field("accept")) == ("GET", "/metrics", "a, b")
    assert made.field("none") == ""
    assert made.refusal is None


def test_an_answer() -> None:
    answer = request().answer("200 OK", [("Content-Type", "text/plain")], b"ok\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {b"Server: licorne", b"Connection: close", b"Content-Length: 3"} <= set(lines)
    assert body == b"ok\n"


def test_head_gets_no_body() -> None:
    answer = request(WHOLE.replace(b"GET", b"HEAD")).answer("200 OK", [], b"ok\n")
    assert b"Content-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Complete, refused or still incomplete."""
    made = HttpRequest(16384, "licorne")
    if not made.feed(data):
        with pytest.raises(RuntimeError, match="not complete"):
            _ = made.path
    elif made.refusal is not None:
        assert made.refusal.startswith(b"HTTP/1.1 4")
    else:
        assert made.path.startswith("/")


@pytest.mark.parametrize("size", [16384, 200000])
def test_a_head_without_an_end(size: int) -> None:
    made = HttpRequest(16384, "licorne")
    line = b"A: " + b"a" * 1000 + b"\r\n"
    fed = False
    sent = b"GET / HTTP/1.1\r\nHost: a\r\n"
    while not fed and len(sent) < 2 * size:
        fed = made.feed(sent if sent.endswith(b"Host: a\r\n") else line)
        sent += line
    assert len(sent) <= 16384 + 2 * len(line)
    assert made.refusal is not None
    assert made.refusal.startswith(b"HTTP/1.1 431 ")


def test_what_would_break_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        request().answer("200 OK", [("A", "b\r\nC: d")], b"")
