"""`gunicorn.http.wsgi` for workers with their own sockets: environ, response, file wrapper."""

from __future__ import annotations

import gzip
import io
import socket
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

from e2e.client import Client
from licorne.config import Config
from licorne.http import RequestParser, wsgi
from licorne.http.errors import ConfigurationProblem, NoMoreData

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.http import Request
    from licorne.http.response import Response

PEER = ("127.0.0.1", 5000)
SERVER = ("127.0.0.1", 8000)


class Pair:
    """A request, the socket it is answered on, and the client at the other end."""

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self.sock, theirs = socket.socketpair()
        self.client = Client(theirs)

    def request(self, line: str = "GET / HTTP/1.1", *fields: str) -> Request:
        """What the worker reads of these lines."""
        head = "\r\n".join([line, "Host: h:81", *fields, "", ""]).encode()
        return next(RequestParser(self.cfg, [head], PEER))

    def nothing_more(self) -> bool:
        """Close the worker's end; whether the client has had everything."""
        self.sock.close()
        return self.client.is_closed()

    def response(self, line: str = "GET / HTTP/1.1", *fields: str) -> Response:
        """The answer to a request of these lines."""
        return wsgi.Response(self.request(line, *fields), self.sock, self.cfg)


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair(Config())
    with made.sock, made.client:
        yield made


def test_an_environ(pair: Pair) -> None:
    req = pair.request("POST /a%20b?c=d HTTP/1.1", "X-A: 1", "X-A: 2", "Content-Type: text/plain")
    resp, environ = wsgi.create(req, pair.sock, PEER, SERVER, pair.cfg)
    expected = {
        "REQUEST_METHOD": "POST", "RAW_URI": "/a%20b?c=d", "PATH_INFO": "/a b", "SCRIPT_NAME": "",
        "QUERY_STRING": "c=d", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "5000",
        "HTTP_HOST": "h:81", "HTTP_X_A": "1,2", "CONTENT_TYPE": "text/plain",
        "wsgi.url_scheme": "http", "wsgi.input": req.body, "gunicorn.socket": pair.sock,
    }  # fmt: skip
    assert {name: environ[name] for name in expected} == expected
    assert environ["wsgi.file_wrapper"] is wsgi.FileWrapper
    assert resp.req is req
    assert pair.nothing_more()


def test_on_a_unix_socket_host_names_the_server(pair: Pair) -> None:
    _, environ = wsgi.create(pair.request(), pair.sock, "", "/run/site.sock", pair.cfg)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("h", "81")
    assert environ["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in environ


def test_a_script_name(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPT_NAME", "/app")
    _, environ = wsgi.create(pair.request("GET /app/x HTTP/1.1"), pair.sock, PEER, SERVER, pair.cfg)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/x")
    with pytest.raises(ConfigurationProblem, match="does not start with SCRIPT_NAME '/app'"):
        wsgi.create(pair.request(), pair.sock, PEER, SERVER, pair.cfg)


def test_a_body_that_is_waited_for_is_asked_for(pair: Pair) -> None:
    req = pair.request("POST / HTTP/1.1", "Content-Length: 3", "Expect: 100-continue")
    resp, environ = wsgi.create(req, pair.sock, PEER, SERVER, pair.cfg)
    assert pair.client.response().status == 100
    hints = environ["wsgi.early_hints"]
    assert callable(hints)
    for given in (("Link", "</a.css>"), (b"Link", b"</a.css>")):
        hints([given])
        assert pair.client.response().get("Link") == "</a.css>"
    resp.start_response("200 OK", [])
    resp.close()
    hints([("Link", "</late.css>")])
    assert pair.client.response().status == 200
    assert pair.nothing_more()


def test_a_body_in_chunks_has_its_length(pair: Pair) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    parser = RequestParser(pair.cfg, [head, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", head], PEER)
    _, environ = wsgi.create(next(parser), pair.sock, PEER, SERVER, pair.cfg)
    assert environ["CONTENT_LENGTH"] == "5"
    assert "HTTP_TRANSFER_ENCODING" not in environ
    body = cast("IO[bytes]", environ["wsgi.input"])
    assert (body.read(), body.read()) == (b"abcde", b"")
    with pytest.raises(NoMoreData):
        # Half a body never looks like a whole one.
        wsgi.create(next(parser), pair.sock, PEER, SERVER, pair.cfg)


def test_cookies_and_a_proxy(pair: Pair) -> None:
    req = pair.request("GET / HTTP/1.1", "Cookie: a=1", "Proxy: evil", "Cookie: b=2")
    _, environ = wsgi.create(req, pair.sock, PEER, SERVER, pair.cfg)
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert "HTTP_PROXY" not in environ


def test_an_answer_in_pieces(pair: Pair) -> None:
    resp = pair.response()
    write = resp.start_response("200 OK", [("X-A", "b"), ("Connection", "keep-alive")])
    for piece in (b"one", b"", b"two"):
        write(piece)
    resp.close()
    answer = pair.client.response()
    assert (answer.body, answer.get("X-A")) == (b"onetwo", "b")
    assert answer.get("Transfer-Encoding") == "chunked"
    assert (resp.status, resp.status_code, resp.sent, resp.headers_sent) == ("200 OK", 200, 6, True)
    assert not resp.should_close()


def test_never_more_than_announced(pair: Pair) -> None:
    resp = pair.response()
    resp.start_response("200 OK", [("Content-Length", "4")])
    assert resp.response_length == 4
    resp.write(b"onetwo")
    resp.write(b"three")
    resp.close()
    assert pair.client.response().body == b"onet"
    assert resp.sent == 4


def test_an_answer_without_a_body(pair: Pair) -> None:
    resp = pair.response("HEAD / HTTP/1.1", "Connection: close")
    resp.start_response("200 OK", [("Content-Length", "4")])
    resp.write(b"four")
    resp.close()
    assert pair.client.response("HEAD").get("Connection") == "close"
    assert pair.nothing_more()
    assert (resp.sent, resp.should_close()) == (0, True)


def test_the_last_answer(pair: Pair) -> None:
    resp = pair.response()
    resp.force_close()
    resp.start_response("204 No Content", [])
    resp.close()
    assert pair.client.response().get("Connection") == "close"


def test_start_response_more_than_once(pair: Pair) -> None:
    resp = pair.response()
    resp.start_response("200 OK", [])
    with pytest.raises(AssertionError, match="Response headers already set!"):
        resp.start_response("200 OK", [])
    error = ValueError("of the application")
    resp.start_response("500 Oops", [], (ValueError, error, None))
    resp.write(b"sorry")
    with pytest.raises(ValueError, match="of the application"):
        resp.start_response("500 Again", [], (ValueError, error, None))
    resp.close()
    assert pair.client.response().status == 500


@pytest.mark.parametrize("headers", [[], [("Content-Length", "3")]], ids=["all", "some"])
def test_a_file(pair: Pair, tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    resp = pair.response()
    resp.start_response("200 OK", headers)
    with path.open("rb") as file:
        file.seek(4)
        resp.write_file(wsgi.FileWrapper(file))
        resp.close()
        assert file.tell() == 4
    assert pair.client.response().body == (b"456" if headers else b"456789")


def test_what_is_no_real_file_is_read(pair: Pair) -> None:
    resp = pair.response()
    resp.start_response("200 OK", [])
    resp.write_file(wsgi.FileWrapper(io.BytesIO(b"0123456789"), 4))
    resp.close()
    assert pair.client.response().body == b"0123456789"


def test_what_its_read_does_not_give_is_not_sent(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"0123456789"))
    resp = pair.response()
    resp.start_response("200 OK", [])
    with gzip.open(path) as file:
        resp.write_file(wsgi.FileWrapper(file))
    resp.close()
    assert pair.client.response().body == b"0123456789"


def test_a_file_without_an_end_is_read_to_the_announced_length(pair: Pair) -> None:
    resp = pair.response()
    resp.start_response("200 OK", [("Content-Length", "10")])
    with Path("/dev/zero").open("rb") as file:
        resp.write_file(wsgi.FileWrapper(file))
    resp.close()
    assert pair.client.response().body == bytes(10)


def test_a_file_is_an_iterator_of_its_blocks() -> None:
    wrapper = wsgi.FileWrapper(io.BytesIO(b"0123456789"), 4)
    assert next(wrapper) == b"0123"
    assert list(wrapper) == [b"4567", b"89"]


def test_files_are_read_where_sendfile_is_off(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    pair.cfg.set("sendfile", False)
    resp = pair.response()
    resp.start_response("200 OK", [])
    with path.open("rb") as file:
        resp.write_file(wsgi.FileWrapper(file))
    resp.close()
    assert resp.chunked
    assert pair.client.response().body == b"0123456789"
