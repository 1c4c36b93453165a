"""gunicorn's helpers of network code, by the name `util`."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING

import pytest

from licorne import util as by_its_name
from licorne.http import errors
from licorne.legacy import util

if TYPE_CHECKING:
    from pathlib import Path


def received(sock: socket.socket) -> bytes:
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b"".join(parts)


def test_writing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        util.write(ours, b"plain")
        util.write(ours, b"chunk", chunked=True)
        util.write_nonblock(ours, b"")
        util.write_error(ours, 400, "Bad Request", "<x>")
        util.close_graceful(ours)
        data = received(theirs)
    assert data.startswith(b"plain5\r\nchunk\r\nHTTP/1.1 400 Bad Request\r\n")
    assert b"&lt;x&gt;" in data


def test_a_graceful_close_throws_unread_input_away() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        client.sendall(b"x" * 1000)
        client.shutdown(socket.SHUT_WR)
        accepted.sendall(b"answer")
        util.close_graceful(accepted)
        assert received(client) == b"answer"


@pytest.mark.parametrize(
    ("uri", "path", "query"),
    [("/a?b=1", "/a", "b=1"), ("//a//b?c", "//a//b", "c"), ("http://h/p", "/p", "")],
)
def test_request_targets(uri: str, path: str, query: str) -> None:
    parts = util.split_request_uri(uri)
    assert (parts.path, parts.query) == (path, query)


def test_texts() -> None:
    assert util.http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert util.to_bytestring("ä") == b"\xc3\xa4"
    assert util.bytes_to_str(b"\xe4") == "ä"
    assert util.unquote_to_wsgi_str("/%C3%A4") == "/\xc3\xa4"
    assert util.is_hoppish("Transfer-Encoding")
    assert not util.is_hoppish("Content-Type")
    with pytest.raises(TypeError, match="7 is not a string"):
        util.to_bytestring(7)  # type: ignore[arg-type]


def test_files(tmp_path: Path) -> None:
    assert not util.has_fileno(io.BytesIO())
    assert not util.has_fileno(object())
    with (tmp_path / "x").open("w") as file:
        assert util.has_fileno(file)
    util.check_is_writable(str(tmp_path / "x"))
    with pytest.raises(RuntimeError, match="isn't writable"):
        util.check_is_writable(str(tmp_path))


def test_an_application_that_fails() -> None:
    said: list[object] = []
    app = by_its_name.make_fail_app("closed")

    def start_response(status, headers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        said.append((status, headers))

    assert list(app({}, start_response)) == [b"closed"]  # type: ignore[arg-type]
    kind = ("Content-Type", "text/plain; charset=utf-8")
    assert said == [("500 Internal Server Error", [kind, ("Content-Length", "6")])]


def test_what_a_function_takes() -> None:
    assert util.get_arity(lambda _a, _b, *, _c=1: None) == 2
    with pytest.raises(TypeError, match="7 is not a function"):
        util.get_arity(7)


def test_an_entry_point() -> None:
    assert callable(util.load_entry_point("pytest", "console_scripts", "pytest"))
    with pytest.raises(ImportError, match="Entry point console_scripts:nope not found in pytest"):
        util.load_entry_point("pytest", "console_scripts", "nope")


def test_names_that_do_not_exist() -> None:
    assert by_its_name.close_graceful is util.close_graceful
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = by_its_name.nope


def test_what_the_parser_of_gunicorn_raises() -> None:
    assert issubclass(errors.InvalidHeader, errors.ParseException)
    assert errors.LimitRequestHeaders.code == 431
    assert str(errors.InvalidHeader("A", req=None)) == "Invalid HTTP Header: 'A'"
    assert errors.InvalidHeader("A", req=5).__dict__ == {"hdr": "A", "req": 5}
    assert str(errors.InvalidSchemeHeaders()) == "Contradictory scheme headers"
    assert str(errors.LimitRequestLine(9, 8)) == "Request Line is too large (9 > 8)"
    assert str(errors.LimitRequestLine("too long")) == "too long"
    assert str(errors.NoMoreData(b"GE")) == "No more data after: b'GE'"


def test_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    util.warn("no such thing\nas that")
    assert capsys.readouterr().err == "!!!\n!!! WARNING: no such thing\n!!! as that\n!!!\n"
