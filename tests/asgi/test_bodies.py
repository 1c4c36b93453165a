"""Request bodies: as they come, with back-pressure, and with what HTTP says about them."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e import transport

if TYPE_CHECKING:
    from asgi.conftest import Token
    from e2e.client import Client
    from e2e.server import Server

SIZES = [1, 100, 65536, 3_000_000]


def chunked(*chunks: bytes) -> bytes:
    """The chunks, and the end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (*chunks, b""))


def digest(body: bytes) -> bytes:
    """What `/digest` says about a body."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def stays_open(answer_connection: str | None) -> bool:
    """Whether HTTP/1.1 goes on after a response with that Connection."""
    return (answer_connection or "").lower() != "close"


def test_no_body_is_one_event(site: Server) -> None:
    status, body = site.get("/events")
    assert status == 200
    assert ast.literal_eval(body.decode()) == [("http.request", "bytes", 0, False)]


def test_an_empty_body_is_one_event(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/events", "Content-Length: 0")
        seen = ast.literal_eval(client.response().body.decode())
    assert seen == [("http.request", "bytes", 0, False)]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_with_its_length(site: Server, size: int) -> None:
    body = os.urandom(size)
    with site.client() as client:
        client.request("POST", "/digest", body=body)
        assert client.response().body == digest(body)


@pytest.mark.parametrize("size", SIZES)
def test_a_chunked_body(site: Server, size: int) -> None:
    body = os.urandom(size)
    parts = [body[at : at + 40_000] for at in range(0, size, 40_000)]
    with site.client() as client:
        client.request("POST", "/digest", "Transfer-Encoding: chunked")
        client.send(chunked(*parts))
        assert client.response().body == digest(body)


def test_events_add_up(site: Server) -> None:
    """The last event, and no other one, says that nothing follows."""
    with site.client() as client:
        client.request("POST", "/events", body=bytes(500_000))
        seen = ast.literal_eval(client.response().body.decode())
    assert sum(length for _, _, length, _ in seen) == 500_000
    assert [more for *_, more in seen] == [True] * (len(seen) - 1) + [False]
    assert {(kind, of) for kind, of, *_ in seen} == {("http.request", "bytes")}


def test_a_body_byte_by_byte(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/echo", "Transfer-Encoding: chunked")
        for byte in chunked(b"slow", b"ly"):
            client.send(bytes([byte]))
        assert client.response().body == b"slowly"


def test_continue_is_said_when_the_body_is_asked_for(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/echo", "Expect: 100-continue", "Content-Length: 4")
        assert client.response().status == 100
        client.send(b"body")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"body")


def test_continue_is_not_said_when_the_body_is_not_asked_for(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/unread", "Expect: 100-continue", "Content-Length: 4")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"unread")


def test_a_body_that_is_not_read(site: Server) -> None:
    """It is skipped, or the connection is closed: it is never taken for a request."""
    with site.client() as client:
        client.request("POST", "/unread", body=b"GET /scope HTTP/1.1\r\n\r\n" * 10)
        answer = client.response()
        assert answer.body == b"unread"
        if stays_open(answer.get("Connection")):
            client.get("/echo")
            assert client.response().body == b""
        else:
            assert client.is_closed()


def test_pipelined_bodies_do_not_run_into_each_other(site: Server) -> None:
    with site.client() as client:
        head = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
        client.send(
            head
            + b"Content-Length: 3\r\n\r\none"
            + head
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + chunked(b"t", b"wo")
            + b"GET /unread HTTP/1.1\r\nHost: a\r\n\r\n"
            + head
            + b"Content-Length: 5\r\n\r\nthree"
        )
        bodies = [client.response().body for _ in range(4)]
    assert bodies == [b"one", b"two", b"unread", b"three"]


def test_full_duplex(site: Server) -> None:
    """A part is answered before the next one is sent."""
    with site.client() as client:
        client.request("POST", "/duplex", "Transfer-Encoding: chunked")
        client.send(b"3\r\none\r\n")
        assert b"one" in until(client, b"one\r\n")
        client.send(b"3\r\ntwo\r\n")
        assert b"two" in until(client, b"two\r\n")
        client.send(b"0\r\n\r\n")
        until(client, b"0\r\n\r\n")


def until(client: Client, end: bytes) -> bytes:
    """What comes up to these bytes."""
    seen = b""
    while not seen.endswith(end):
        more = client.some()
        assert more, seen
        seen += more
    return seen


def test_a_response_ends_before_the_body_does(site: Server) -> None:
    with site.client() as client:
        client.request("POST", "/early", "Content-Length: 8")
        client.send(b"half")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"half")
        if stays_open(answer.get("Connection")):
            client.send(b"rest")
            client.get("/echo")
            assert client.response().status == 200
        else:
            assert client.is_closed()


class Upload(threading.Thread):
    """Sends a body as far as the server takes it."""

    def __init__(self, client: Client, body: bytes) -> None:
        super().__init__()
        self._client, self._body = client, body
        self.sent = 0

    def run(self) -> None:
        for start in range(0, len(self._body), 65_536):
            part = self._body[start : start + 65_536]
            self._client.send(part)
            self.sent += len(part)

    def settled(self, server: Server) -> int:
        """How much was sent when no more is.

        That is so when fifty requests on another connection have been answered meanwhile: as many
        turns of the server's loop.
        """
        seen = [-1]
        with server.client() as beside:
            while len(seen) < 50 or seen[-50:] != [self.sent] * 50:
                seen.append(self.sent)
                beside.get("/unread")
                assert beside.response().body == b"unread"
        return self.sent


def test_what_the_application_does_not_read_is_not_read(site: Server, token: Token) -> None:
    """Back-pressure on an upload: the worker does not grow, and nothing is lost."""
    # The kernel's buffers have room for some megabytes; with HTTP/2 a window closes before that.
    body = os.urandom(1_000_000) * (8 if transport.HTTP_2 else 64)
    word = token()
    with site.client() as client:
        client.request("POST", f"/slow-reader?{word}", f"Content-Length: {len(body)}")
        before = anonymous_memory(site)
        client.send(body[:1000])
        site.log.wait_for(f"TOLD {word} waits")
        upload = Upload(client, body[1000:])
        upload.start()
        assert upload.settled(site) < len(body) * 5 // 8
        assert anonymous_memory(site) - before < 4_000_000
        assert site.get(f"/open?{word}")[0] == 200
        upload.join()
        assert client.response().body.decode() == hashlib.sha256(body).hexdigest()
        assert anonymous_memory(site) - before < 4_000_000


def anonymous_memory(server: Server) -> int:
    """What the worker has allocated, in bytes (RssAnon of proc(5)): no pages of programs."""
    status = Path(f"/proc/{server.worker_pid()}/status").read_text()
    found = re.search(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found.group(1)) * 1024
