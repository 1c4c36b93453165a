"""What bad input gets: the table's status, the end of the connection, one line in the log."""

from __future__ import annotations

import socket
import ssl
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from e2e.server import Serve, Server

PAGE = """<html>
  <head>
    <title>{reason}</title>
  </head>
  <body>
    <h1><p>{reason}</p></h1>
    {message}
  </body>
</html>
"""
HOST = b"Host: localhost\r\n"
BAD = {
    "not http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
    "bare lf": (b"GET /bad HTTP/1.1\nHost: localhost\n\n", 400),
    "no host": (b"GET /bad HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /bad HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "folded": (b"GET /bad HTTP/1.1\r\n" + HOST + b"X-A: b\r\n c\r\n\r\n", 400),
    "space before colon": (b"GET /bad HTTP/1.1\r\n" + HOST + b"X-A : b\r\n\r\n", 400),
    "both lengths": (
        b"POST /bad HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    "unknown coding": (b"POST /bad HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: x\r\n\r\n", 501),
    "expectation": (b"GET /bad HTTP/1.1\r\n" + HOST + b"Expect: magic\r\n\r\n", 417),
    "long target": (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "many fields": (b"GET /bad HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * 101 + b"\r\n", 431),
    "large field": (b"GET /bad HTTP/1.1\r\n" + HOST + b"X-A: " + b"b" * 9000 + b"\r\n\r\n", 431),
    "bad chunk": (
        b"POST /bad HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        400,
    ),
    "major version": (b"GET /bad HTTP/3.1\r\n" + HOST + b"\r\n", 400),
    "connect": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "compressed": (
        b"POST /bad HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        501,
    ),
    "two hosts in one": (b"GET /bad HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    "host that is a path": (b"GET /bad HTTP/1.1\r\nHost: /tmp/x\r\n\r\n", 400),
    "upper version": (b"GET /bad HTTP/2.0\r\n" + HOST + b"\r\n", 400),
    "nul": (b"GET /bad HTTP/1.1\r\n" + HOST + b"X-A: \0\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused(site: Server, name: str) -> None:
    data, status = BAD[name]
    with site.client() as client:
        client.send(data)
        client.get("/bad-and-after")
        answer = client.response()
        assert answer.status == status
        assert answer.get("Connection") == "close"
        assert answer.version == "HTTP/1.1"
        assert parsedate_to_datetime(answer.get("Date") or "").tzinfo is not None
        assert client.is_closed()
    assert site.get("/") == (200, b"hello")
    assert not site.log.matching("called /bad")


@pytest.mark.parametrize("name", ["no host", "folded", "major version", "many fields", "nul"])
def test_the_answer_to_head_has_no_content(site: Server, name: str) -> None:
    data, status = BAD[name]
    with site.client() as client:
        client.request("HEAD", "/")
        assert client.response("HEAD").status == 200
        client.send(data.replace(b"GET", b"HEAD", 1))
        answer = client.response("HEAD")
        assert answer.status == status
        assert int(answer.get("Content-Length") or 0) > 0
        assert client.is_closed()
    with site.client() as client:
        # The method of the request before says nothing.
        client.request("HEAD", "/")
        assert client.response("HEAD").status == 200
        client.send(data)
        answer = client.response()
        assert (answer.status, answer.body[-8:]) == (status, b"</html>\n")


def test_the_page_and_the_line_in_the_log(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args)
    with server.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nBad Name: <b>\r\n\r\n")
        answer = client.response()
        assert client.is_closed()
    assert answer.get("Content-Type") == "text/html"
    assert answer.get("Content-Length") == str(len(answer.body))
    message = "Invalid HTTP header name"
    assert answer.body.decode() == PAGE.format(reason="Bad Request", message=message)
    server.stop()
    lines = [line for line in server.log.rest() if "Invalid" in line]
    assert len(lines) == 1
    assert "[WARNING]" in lines[0]
    assert f"Invalid request from ip=127.0.0.1: {message}" in lines[0]


def test_a_client_that_speaks_tls_is_told_in_the_log(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args)
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", server.port), 20) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")
    line = server.log.wait_for("The client speaks TLS, but this port speaks plain HTTP").string
    assert "[WARNING]" in line
    assert "ip=127.0.0.1" in line


def test_connect_reaches_an_application_that_asks_for_it(
    args: tuple[str, ...], serve: Serve
) -> None:
    server = serve("site_app", *args, "--permit-connect")
    with server.client() as client:
        client.request("CONNECT", "localhost:80")
        answer = client.response("CONNECT")
        assert answer.status == 200
        assert client.is_closed()


def test_a_higher_minor_version_is_answered_as_1_1(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/", version="1.2")
        answer = client.response()
        assert (answer.version, answer.body) == ("HTTP/1.1", b"hello")
        client.get("/")
        assert client.response().body == b"hello"


def test_an_answer_to_what_came_before(site: Server) -> None:
    """Good requests in front of a bad one are answered first."""
    with site.client() as client:
        client.get("/")
        client.send(b"BAD REQUEST\r\n\r\n")
        assert client.response().body == b"hello"
        assert client.response().status == 400
        assert client.is_closed()


def test_an_incomplete_head_is_no_request(site: Server) -> None:
    with site.client() as client:
        client.send(b"GET /bad-incomplete HTTP/1.1\r\nHost:")
        client.end()
        client.everything()
    assert site.get("/") == (200, b"hello")
    assert not site.log.matching("called /bad")


def test_a_connection_that_says_nothing_is_not_worth_a_line(
    args: tuple[str, ...], serve: Serve
) -> None:
    server = serve("site_app", *args)
    with server.client():
        pass
    with server.client() as client:
        client.end()
        assert client.everything() == b""
    assert server.get("/") == (200, b"hello")
    server.stop()
    assert not [line for line in server.log.rest() if "[WARNING]" in line]


def test_a_permission_opens_what_it_names(serve: Serve) -> None:
    server = serve("site_app", "--permit-missing-host", "--limit-request-line", "0")
    with server.client() as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.response().body == b"hello"
        client.get("/?" + "a" * 20_000)
        assert client.response().body == b"hello"
