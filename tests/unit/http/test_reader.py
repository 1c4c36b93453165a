"""`RequestReader` and `Reply`: the workers' parser and encoder, without a connection."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licorne._engine import Refusal, Reply, RequestHead, RequestReader

GET = b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept: a\r\nAccept: b\r\n\r\n"
POST = (
    b"POST /a%20b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
)
AFTER = b"what follows"


def head(data: bytes) -> RequestHead:
    reader = RequestReader(16384)
    reader.feed(data)
    found = reader.head()
    assert isinstance(found, RequestHead)
    return found


@given(st.lists(st.integers(0, len(GET))))
def test_however_it_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(GET)]
    reader = RequestReader(16384)
    for a, b in pairwise(places):
        reader.feed(GET[a:b])
        found = reader.head()
        assert (found is not None) == (b == len(GET))
        if found is not None:
            break
    assert isinstance(found, RequestHead)
    assert (found.method, found.path, found.field("accept")) == ("GET", "/metrics", "a, b")
    assert (found.field("none"), found.host, found.scheme) == ("", "x", "http")
    assert found.headers == [("HOST", "x"), ("ACCEPT", "a"), ("ACCEPT", "b")]


@given(st.lists(st.integers(1, len(POST))))
def test_a_body_however_it_is_cut(cuts: list[int]) -> None:
    data = POST + AFTER
    reader = RequestReader(16384)
    places = sorted({0, *cuts, len(data)})
    pieces = iter([data[a:b] for a, b in pairwise(places)])
    while reader.head() is None:
        reader.feed(next(pieces))
    body = b""
    while (piece := reader.body()) != b"":
        if piece is None:
            reader.feed(next(pieces))
        else:
            assert isinstance(piece, bytes)
            body += piece
    assert body == b"abcde"
    assert reader.body() == b""
    assert reader.rest() + b"".join(pieces) == AFTER


def test_a_body_that_is_cut_short_or_wrong() -> None:
    for end, name in ((b"", "IncompleteBody"), (b"zz\r\n", "InvalidChunkSize")):
        reader = RequestReader(16384)
        reader.feed(POST[: POST.index(b"2;x")] + end)
        assert isinstance(reader.head(), RequestHead)
        assert reader.body() == b"abc"
        reader.end()
        for _ in range(2):
            refusal = reader.body()
            assert isinstance(refusal, Refusal)
            assert refusal.name == name
            assert refusal.name in Refusal.NAMES


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Complete, refused or still incomplete."""
    reader = RequestReader(16384)
    reader.feed(data)
    found = reader.head()
    if isinstance(found, Refusal):
        assert found.page().startswith(b"HTTP/1.1 %d " % found.status)
        assert found.message.encode() in found.page() or b"HEAD " in data
    elif found is not None:
        assert found.path.startswith("/")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_page_for_head_has_no_content(method: str) -> None:
    reader = RequestReader(16384)
    reader.feed(f"{method} / HTTP/1.1\r\n\r\n".encode())
    found = reader.head()
    assert isinstance(found, Refusal)
    fields, _, content = found.page().partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 1" in fields
    assert (found.message.encode() in content) == (method == "GET")
    assert (content == b"") == (method == "HEAD")


@pytest.mark.parametrize("size", [16384, 200000])
def test_a_head_without_an_end(size: int) -> None:
    reader = RequestReader(16384)
    line = b"A: " + b"a" * 1000 + b"\r\n"
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n")
    found, sent = reader.head(), 0
    while found is None and sent < 2 * size:
        reader.feed(line)
        sent += len(line)
        found = reader.head()
    assert sent <= 16384 + len(line)
    assert isinstance(found, Refusal)
    assert found.status == 431


def reply(request: bytes = GET) -> Reply:
    found = head(request)
    return Reply(found.method, found.version, "licorne")


def test_an_answer_whose_length_is_known() -> None:
    made = reply()
    made.start("200 OK", [("Content-Type", "text/plain")])
    first, _, rest = made.head(3).partition(b"\r\n\r\n")
    lines = first.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert {b"Server: licorne", b"Connection: close", b"Content-Length: 3"} <= set(lines)
    assert (rest, made.body(b"ok\nand more"), made.end()) == (b"", b"ok\n", b"")


def test_an_answer_in_pieces() -> None:
    made = reply()
    made.start("200 OK", [])
    assert b"Transfer-Encoding: chunked\r\n" in made.head(keep_alive=True)
    assert made.chunked
    assert [made.body(b"ab"), made.body(b""), made.end()] == [b"2\r\nab\r\n", b"", b"0\r\n\r\n"]
    assert made.keep_alive


def test_less_than_was_announced_ends_the_connection() -> None:
    made = reply()
    made.start("200 OK", [("Content-Length", "5")])
    made.head(keep_alive=True)
    assert (made.allow(3), made.allow(1)) == (3, 1)
    made.end()
    assert not made.keep_alive


@pytest.mark.parametrize(
    ("request_", "status"),
    [(GET.replace(b"GET", b"HEAD"), "200 OK"), (GET, "204 No Content"), (GET, "304 Not Modified")],
)
def test_what_has_no_body(request_: bytes, status: str) -> None:
    made = reply(request_)
    made.start(status, [])
    assert made.head(3).endswith(b"\r\n\r\n")
    assert made.bodiless
    assert made.body(b"ok\n") + made.end() == b""


def test_http_1_0_reads_until_the_end() -> None:
    made = reply(b"GET / HTTP/1.0\r\n\r\n")
    made.start("200 OK", [])
    assert b"chunked" not in made.head(keep_alive=True)
    assert (made.body(b"ab"), made.end(), made.keep_alive) == (b"ab", b"", False)
    assert reply(b"GET / HTTP/1.0\r\n\r\n").interim("103 Early Hints", [("A", "b")]) == b""


def test_what_would_break_a_line_is_refused() -> None:
    for status, fields in (("200 OK", [("A", "b\r\nC: d")]), ("200\r\n", [])):
        with pytest.raises(ValueError, match="Invalid HTTP"):
            reply().start(status, fields)
    with pytest.raises(ValueError, match="Invalid HTTP"):
        reply().interim("103 Early Hints", [("A", "b\r\nC: d")])


def test_out_of_turn() -> None:
    made = reply()
    with pytest.raises(RuntimeError, match="no status yet"):
        made.head()
    with pytest.raises(RuntimeError, match="Body of a response in the state Head"):
        made.body(b"x")
    made.start("200 OK", [])
    made.head()
    with pytest.raises(RuntimeError, match="Head of a response in the state Body"):
        made.head()
