"""HTTP/2 by `Upgrade: h2c` (RFC 7540, section 3.2): every worker type, and real clients."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from e2e.h2_client import H2Client
from e2e.server import Server, open_gate
from e2e.test_http2 import KINDS, app_of, said_by

if TYPE_CHECKING:
    from e2e.server import Serve

UPGRADE = ("--http-protocols", "h1,h2", "--http2-cleartext", "upgrade")
HOST = "Host: there"
#: What asks for it: an initial window of 65,535.
ASKS = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAQAAP__")


def started(sites: dict[str, Server], kind: str) -> Server:
    """The site under a worker type, which its tests share."""
    name = f"h2c {kind}"
    if name not in sites:
        sites[name] = Server(app_of(kind), *KINDS[kind], *UPGRADE)
    return sites[name]


@pytest.fixture
def site(sites: dict[str, Server]) -> Server:
    """The site under one worker type."""
    return started(sites, "gthread")


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_request_becomes_the_first_stream(sites: dict[str, Server], kind: str) -> None:
    server = started(sites, kind)
    lines = ("GET /environ HTTP/1.1", HOST, "X-One: 1", "Cookie: a=1")
    with H2Client(server.port, upgrade=lines) as client:
        answer = client.answer(1)
        assert (answer.status, answer.reset) == (200, None)
        told = json.loads(answer.body)
        if kind == "asgi":
            assert told["http_version"] == "2"
        else:
            assert (told["SERVER_PROTOCOL"], told["HTTP_HOST"]) == ("HTTP/2", "there")
            assert (told["HTTP_X_ONE"], told["HTTP_COOKIE"]) == ("1", "a=1")
            gone = {"HTTP_UPGRADE", "HTTP_CONNECTION", "HTTP_HTTP2_SETTINGS"}
            assert not gone & set(told)
        assert client.get("/size?n=100000").body == b"x" * 100_000
        body = bytes(200_000)
        assert client.get("/digest", method="POST", body=body).status == 200


def test_other_methods_and_large_answers(site: Server) -> None:
    with H2Client(site.port, upgrade=("HEAD /size?n=70000 HTTP/1.1", HOST)) as client:
        answer = client.answer(1)
        assert (answer.status, answer.body, answer.ended_with_head) == (200, b"", True)
    with H2Client(site.port, upgrade=("GET /stream?n=60 HTTP/1.1", HOST)) as client:
        other = client.ask("/size?n=1")
        assert len(client.answer(1).body) == 60 * 16 * 1024
        assert client.answer(other).body == b"x"


def test_a_client_that_does_not_wait_for_the_answer(site: Server) -> None:
    """Its preface comes with its request."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    with site.client() as client:
        head = "\r\n".join(["GET / HTTP/1.1", HOST, *ASKS, "", ""]).encode()
        client.send(head + preface)
        received = b""
        while b"hello" not in received:
            received += client.some()
    assert received.startswith(b"HTTP/1.1 101 ")


#: Requests that are answered by HTTP/1: the line, fields, and a body.
STAYS: dict[str, tuple[str, tuple[str, ...], bytes]] = {
    "a body": ("POST /digest", (*ASKS, "Content-Length: 4"), b"body"),
    "no settings": ("GET /", ASKS[:2], b""),
    "settings twice": ("GET /", (*ASKS, ASKS[2]), b""),
    "settings that Connection does not name": ("GET /", ("Connection: Upgrade", *ASKS[1:]), b""),
    "another protocol": ("GET /", (ASKS[0], "Upgrade: h2", ASKS[2]), b""),
}


@pytest.mark.parametrize("name", list(STAYS))
def test_requests_that_are_answered_by_http_1(site: Server, name: str) -> None:
    line, fields, body = STAYS[name]
    with site.client() as client:
        lines = [f"{line} HTTP/1.1", HOST, *fields, "", ""]
        client.send("\r\n".join(lines).encode() + body)
        answer = client.response()
    assert (answer.status, answer.version) == (200, "HTTP/1.1")


@pytest.mark.parametrize("settings", ["AAQAAP", "AAQAA P__", "AAT_____"])
def test_settings_that_are_none_are_refused(site: Server, settings: str) -> None:
    with site.client() as client:
        client.get("/", *ASKS[:2], f"HTTP2-Settings: {settings}")
        assert client.response().status == 400


@pytest.mark.parametrize(
    "arguments",
    [("--http2-cleartext", "off"), ("--forwarded-allow-ips", "10.0.0.1")],
    ids=["off", "not trusted"],
)
def test_where_it_is_not_spoken(serve: Serve, arguments: tuple[str, str]) -> None:
    server = serve("h2_site", *UPGRADE, *arguments)
    with server.client() as client:
        client.get("/", *ASKS)
        answer = client.response()
    assert (answer.status, answer.body) == (200, b"hello")


def test_a_stop_answers_it(serve: Serve, fifo: str) -> None:
    server = serve("h2_site", "-k", "gthread", *UPGRADE)
    with H2Client(server.port, upgrade=(f"GET /hold?gate={fifo} HTTP/1.1", HOST)) as client:
        server.log.wait_for("called /hold")
        server.send(signal.SIGTERM)
        client.until(lambda: bool(client.gone))
        open_gate(fifo)
        assert client.answer(1).body == b"hello"
        while not client.closed:
            client.receive()
        assert client.gone[1:] == [(1, 0)]
    assert server.wait() == 0


def test_a_client_that_does_not_go_on(serve: Serve) -> None:
    """Nothing follows the 101: what was asked is not sent, and the connection ends."""
    server = serve("h2_site", *UPGRADE, "--header-timeout", "2")
    with server.client() as client:
        client.send("\r\n".join(["GET / HTTP/1.1", HOST, *ASKS, "", ""]).encode())
        received = b""
        while data := client.socket.recv(1 << 16):
            received += data
    assert received.startswith(b"HTTP/1.1 101 ")
    assert b"hello" not in received
    assert server.get("/") == (200, b"hello")


def test_the_access_log(serve: Serve) -> None:
    log = ("--access-logfile", "-", "--access-logformat", "%(r)s %(s)s %(B)s")
    server = serve("h2_site", *UPGRADE, *log)
    with H2Client(server.port, upgrade=("GET /size?n=7 HTTP/1.1", HOST)) as client:
        assert client.answer(1).status == 200
    server.output.wait_for(re.escape("GET /size?n=7 HTTP/2 200 7"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("curl", "-sS", "--http2", "-w", "%{http_version} %{http_code}"), "2 200"),
        (("curl", "-sS", "--http2", "-d", "x", "-w", "%{http_version} %{http_code}"), " 200"),
        (("nghttp", "-v", "-n", "-u"), ":status: 200"),
    ],
    ids=["curl", "curl with a body", "nghttp"],
)
def test_other_clients(site: Server, arguments: tuple[str, ...], expected: str) -> None:
    assert expected in said_by(arguments, f"{site.url}/size?n=100000")
