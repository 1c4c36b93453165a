"""`RequestParser`: gunicorn's names over the engine's parser."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from licorne._engine import Refusal
from licorne.config import Config
from licorne.http import Message, Request, RequestParser, errors, get_parser
from licorne.http.body import Body
from licorne.http.unreader import IterUnreader, SocketUnreader, Unreader
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

PEER = ("127.0.0.1", 5000)
FIRST = b"POST /a%20b?c=d HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nX-A: 1\r\n\r\none\ntwo\nend"
SECOND = b"GET /second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


def parser(pieces: Iterable[bytes], **settings: object) -> RequestParser:
    cfg = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    return RequestParser(cfg, pieces, PEER)


def body(req: Request) -> Body:
    assert isinstance(req.body, Body)
    return req.body


def test_requests_one_after_the_other() -> None:
    made = parser([FIRST[:30], FIRST[30:] + SECOND[:5], SECOND[5:]])
    first, second = list(made)
    assert isinstance(first, Message)
    assert (first.method, first.uri, first.path) == ("POST", "/a%20b?c=d", "/a%20b")
    assert (first.query, first.fragment, first.version) == ("c=d", "", (1, 1))
    assert first.headers == [("HOST", "h"), ("CONTENT-LENGTH", "11"), ("X-A", "1")]
    assert (first.scheme, first.peer_addr, first.remote_addr) == ("http", PEER, PEER)
    assert (first.req_number, second.req_number) == (1, 2)
    assert not first.should_close()
    assert (second.path, second.should_close()) == ("/second", True)
    assert body(second).read() == b""


def test_a_body_is_a_file() -> None:
    req = next(parser([FIRST[:-6], FIRST[-6:-2], FIRST[-2:]]))
    assert body(req).read(2) == b"on"
    assert body(req).readline() == b"e\n"
    assert list(body(req)) == [b"two\n", b"end"]
    assert body(req).read() == b""


def test_chunks_are_put_together() -> None:
    made = parser([CHUNKED, b"3\r\nabc\r", b"\n2\r\nde\r\n0\r\n\r\n" + SECOND])
    req = next(made)
    assert body(req).read() == b"abcde"
    assert next(made).path == "/second"


def test_what_follows_a_head_is_given_back() -> None:
    made = parser([SECOND + b"\x81\x05hello"])
    next(made)
    assert made.unreader.take_buffered() == b"\x81\x05hello"


def test_a_request_that_must_be_the_last() -> None:
    made = parser([FIRST + SECOND])
    next(made).force_close()
    with pytest.raises(StopIteration):
        next(made)


def test_nothing_is_no_request() -> None:
    assert list(parser([])) == []


def test_a_head_that_is_cut_short() -> None:
    with pytest.raises(errors.NoMoreData, match="No more data after: b'GET / HT'"):
        next(parser([b"GET / ", b"HT"]))


@pytest.mark.parametrize(
    ("more", "kind"), [(b"3\r\nab", errors.NoMoreData), (b"zz\r\n", errors.InvalidChunkSize)]
)
def test_a_body_that_is_wrong_ends_the_connection(more: bytes, kind: type[Exception]) -> None:
    made = parser([CHUNKED + more])
    req = next(made)
    with pytest.raises(kind):
        body(req).read()
    assert body(req).failed
    assert list(made) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x16\x03\x01", errors.InvalidRequestLine),
        (SECOND.replace(b"GET /second", b"CONNECT h:1"), errors.MethodNotServed),
        (b"GET / HTTP/9.9\r\n\r\n", errors.InvalidHTTPVersion),
        (b"get / HTTP/1.1\r\n\r\n", errors.InvalidRequestMethod),
        (SECOND.replace(b": h", b" : h"), errors.InvalidHeaderName),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", errors.LimitRequestLine),
        (SECOND.replace(b"Host", b"Expect: x\r\nHost"), errors.ExpectationFailed),
        (CHUNKED.replace(b"chunked", b"lzw"), errors.UnsupportedTransferCoding),
        (SECOND.replace(b"Host", b"A: " + b"b" * 9000 + b"\r\nHost"), errors.LimitRequestHeaders),
    ],
)
def test_refusals_are_exceptions(data: bytes, kind: type[errors.ParseException]) -> None:
    with pytest.raises(kind) as raised:
        next(parser([data]))
    assert isinstance(raised.value, errors.ParseException)
    assert str(raised.value)


def test_the_settings_hold() -> None:
    with pytest.raises(errors.LimitRequestBody):
        next(parser([FIRST], limit_request_body=10))
    assert next(parser([b"GET / HTTP/1.1\r\n\r\n"], permit_missing_host=True)).host is None
    secure = SECOND.replace(b"Host", b"X-Forwarded-Proto: https\r\nHost")
    assert next(parser([secure])).scheme == "https"
    assert next(parser([secure], forwarded_allow_ips="10.0.0.1")).scheme == "http"
    for peer, scheme in ((None, "https"), ("", "https"), (("a name", 1), "http")):
        assert next(RequestParser(Config(), [secure], peer)).scheme == scheme


def test_every_refusal_has_its_exception() -> None:
    # The reactor's own, and those of what is spoken in the place of HTTP/1: this parser says none.
    others = {
        "ForbiddenUwsgi", "UnsupportedModifier", "ForbiddenFastCgi", "InvalidRecord",
        "AbortedRequest", "InvalidVariables", "TooManyVariables", "VariablesTooLarge",
        "BodyBeyondLength", "UnknownProtocol",
    }  # fmt: skip
    assert {*errors.BY_REFUSAL, "RequestTimeout"} | others == set(Refusal.NAMES)


def test_a_socket_is_read_no_further_than_its_deadline() -> None:
    """The rest never comes: however late this process runs, the answer is the same."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(PATIENCE)
        theirs.sendall(FIRST[:-4])
        made = get_parser(Config(), ours, PEER)
        assert isinstance(made.unreader, SocketUnreader)
        next(made)
        assert not made.finish_body(deadline=time.monotonic() + 0.05)
        assert ours.gettimeout() == PATIENCE
        assert list(made) == []


def test_a_body_that_comes_in_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(FIRST + SECOND)
        made = get_parser(Config(), ours, PEER)
        next(made)
        assert made.finish_body(deadline=time.monotonic() + PATIENCE)
        assert next(made).path == "/second"


def test_a_body_that_is_not_wanted_is_read_up_to_a_limit() -> None:
    large = FIRST.replace(b": 11", b": 200000") + b"x" * 199989
    made = parser([large, SECOND])
    next(made)
    assert not made.finish_body(max_bytes=50000)
    assert next(made).path == "/second"


def test_other_protocols_are_named() -> None:
    with pytest.raises(RuntimeError, match="HTTP/2 is not available"):
        get_parser(Config(), [], PEER, http2_connection=True)


def test_unreaders() -> None:
    source = IterUnreader([b"abc", b"defg", b"h"])
    assert source.read() == b"abc"
    source.unread(b"bc")
    assert (source.read(3), source.read(), source.read(0)) == (b"bcd", b"efg", b"")
    assert (source.read(5), source.read(), source.read(1)) == (b"h", b"", b"")
    with pytest.raises(NotImplementedError, match="Unreader has no chunk"):
        Unreader().read()
