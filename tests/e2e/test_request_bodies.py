"""What reaches the application of a request's body, and when."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from e2e import transport

if TYPE_CHECKING:
    from e2e.client import Client
    from e2e.server import Serve, Server

TEXT = b"first line\nsecond\n\nlast without end"


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ("read", [TEXT]),
        ("sizes", [b"fir", b"", b"st l", b"ine\nsecond\n\nlast without end"]),
        ("readline", [b"first line\n", b"second\n", b"\n", b"last without end"]),
        (
            "short lines",
            [
                *(b"firs", b"t li", b"ne\n", b"seco", b"nd\n", b"\n"),
                *(b"last", b" wit", b"hout", b" end"),
            ],
        ),
        ("readlines", [b"first line\n", b"second\n", b"\n", b"last without end"]),
        ("iterate", [b"first line\n", b"second\n", b"\n", b"last without end"]),
        ("named size", [b"firs", b"t line\n", b"second\n", b"\n", b"last without end"]),
        ("buffered", [b"first ", b"line\n", b"second\n", b"\n", b"last without end"]),
        ("text", [b"first line\n", b"second\n", b"\n", b"last without end"]),
        ("mixed", [b"first line\n", b"se", b"cond\n", b"\n", b"last without end"]),
    ],
)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_each_way_to_read(site: Server, how: str, parts: list[bytes], framing: str) -> None:
    with site.client() as client:
        post(client, f"/read?how={how.replace(' ', '+')}", TEXT, framing)
        client.get("/after")
        answer = json.loads(client.response().body)
        assert [part.encode("latin-1") for part in answer["parts"]] == parts
        assert not any(answer["past"])
        assert answer["terminated"] is True
        assert answer["length"] == str(len(TEXT))
        assert answer["coding"] is None
        assert b'"/after"' in client.response().body


def test_no_body_reads_as_empty(site: Server) -> None:
    with site.client() as client:
        client.get("/read")
        assert json.loads(client.response().body)["parts"] == [""]


def test_a_body_that_is_not_read_is_skipped(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/ignore-body", body=b"GET /smuggled HTTP/1.1\r\n\r\n" * 1000)
        assert client.response().body == b"ignored"
        client.get("/")
        assert client.response().body == b"hello"
    assert not site.log.matching("called /smuggled")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_upload_is_whole(site: Server, framing: str) -> None:
    body = bytes(range(251)) * 20_000  # 5 MB: more than what is kept in memory
    with site.client() as client:
        post(client, "/digest", body, framing)
        assert client.response().body.decode() == hashlib.sha256(body).hexdigest()
        client.get("/")
        assert client.response().body == b"hello"


def test_continue_is_said_before_the_body_is_sent(site: Server) -> None:
    with site.client() as client:
        client.get("/read", "Expect: 100-continue", "Content-Length: 4")
        interim = client.response()
        assert (interim.status, interim.fields) == (100, [])
        client.send(b"body")
        answer = client.response()
        assert answer.status == 200
        assert b'"body"' in answer.body


def test_continue_is_not_said_to_http_1_0(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/read", "Expect: 100-continue", body=b"body", version="1.0")
        assert client.response().status == 200


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_cut_short_never_reaches_the_application(site: Server, framing: str) -> None:
    path = f"/cut-short-{framing}"
    with site.client() as client:
        send_part(client, path, framing)
    # Connections of HTTP/2 end both ways at once.
    if not transport.HTTP_2:
        with site.client() as client:
            send_part(client, path, framing)
            client.end()
            assert client.response().status == 400
            assert client.is_closed()
        site.log.wait_for("Invalid request from ip=127.0.0.1: Connection ended inside")
    assert site.get("/") == (200, b"hello")
    assert not site.log.matching(f"called {path}")


def test_a_body_over_the_limit_is_refused(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--limit-request-body", "10")
    for framing in ("length", "chunked"):
        with server.client() as client:
            post(client, "/too-large", b"x" * 11, framing)
            assert client.response().status == 413
            assert client.is_closed()
    with server.client() as client:
        client.request("POST", "/read", body=b"x" * 10)
        assert client.response().status == 200
    assert not server.log.matching("called /too-large")


def test_an_upload_that_is_refused_is_told_why(args: tuple[str, ...], serve: Serve) -> None:
    """The answer must survive the bytes that are still on their way (RFC 9112, 9.6)."""
    server = serve("site_app", *args, "--limit-request-body", "1000")
    with server.client() as client:
        client.get("/too-large", "Content-Length: 300000")
        client.send(b"x" * 300_000)
        assert client.response().status == 413


def send_part(client: Client, path: str, framing: str) -> None:
    """Begin to send a body, with its length or in chunks."""
    if framing == "length":
        client.get(path, "Content-Length: 100")
        client.send(b"only a part")
    else:
        client.get(path, "Transfer-Encoding: chunked")
        client.send(b"64\r\nonly a part")


def post(client: Client, path: str, body: bytes, framing: str) -> None:
    """Send a body with its length, or in chunks of odd sizes with an extension and a trailer."""
    if framing == "length":
        client.request("POST", path, body=body)
        return
    client.request("POST", path, "Transfer-Encoding: chunked")
    step = max(7, len(body) // 5)
    for start in range(0, len(body), step):
        chunk = body[start : start + step]
        client.send(b"%X;name=value\r\n%s\r\n" % (len(chunk), chunk))
    client.send(b"0\r\nX-Trailer: ignored\r\n\r\n")
