"""Responses: framing, streaming with back-pressure, and the extensions of ASGI for HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.client import Client

if TYPE_CHECKING:
    from asgi.conftest import Token
    from e2e.server import Server


def test_keep_alive(site: Server) -> None:
    with site.client() as client:
        for _ in range(3):
            client.get("/unread")
            assert client.response().body == b"unread"
        client.get("/unread", close=True)
        assert client.response().get("Connection") == "close"
        assert client.is_closed()


def test_pipelined_requests_are_answered_in_order(site: Server, token: Token) -> None:
    """The first one waits until its client has long sent the others."""
    word = token()
    with site.client() as client:
        client.send(f"GET /state?{word} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        client.send(b"GET /unread HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        assert site.get(f"/open?{word}") == (200, b"open")
        assert client.response().body == b"late"
        assert [client.response().body for _ in range(20)] == [b"unread"] * 20


def test_head_has_the_head_alone(site: Server) -> None:
    with site.client() as client:
        client.request("HEAD", "/stream-length")
        answer = client.response("HEAD")
        assert (answer.status, answer.get("Content-Length")) == (200, "9")
        client.get("/unread")
        assert client.response().body == b"unread"


@pytest.mark.parametrize("status", [200, 201, 204, 299, 304, 404, 500, 599])
def test_a_status(site: Server, status: int) -> None:
    with site.client() as client:
        client.get(f"/status?{status}")
        answer = client.response()
        assert (answer.status, answer.get("X-Status")) == (status, "yes")
        assert answer.body == (b"" if status in {204, 304} else b"body")
        if status in {204, 304}:
            assert answer.get("Transfer-Encoding") is None
        client.get("/unread")
        assert client.response().body == b"unread"


def test_header_fields_of_an_application(site: Server) -> None:
    with site.client() as client:
        client.get("/types")
        answer = client.response()
    assert (answer.status, answer.body) == (201, b"ok")
    assert (answer.get("X-One"), answer.get("X-Two")) == ("1", "2")
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.get("Date") is not None


def test_keys_with_a_default(site: Server) -> None:
    with site.client() as client:
        client.get("/no-body-key")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"")
        client.get("/unread")
        assert client.response().body == b"unread"


def test_a_stream_of_a_known_length(site: Server) -> None:
    with site.client() as client:
        client.get("/stream-length")
        answer = client.response()
    assert (answer.body, answer.get("Content-Length")) == (b"000111222", "9")
    assert answer.get("Transfer-Encoding") is None


def test_a_block_leaves_before_the_next_one_is_made(site: Server, token: Token) -> None:
    word = token()
    with site.client() as client:
        client.get(f"/stream?{word}")
        seen = b""
        while b"first" not in seen:
            seen += client.some()
        assert b"transfer-encoding: chunked" in seen.lower()
        assert site.get(f"/open?{word}")[0] == 200
        while not seen.endswith(b"0\r\n\r\n"):
            seen += client.some()
        assert seen.endswith(b"\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")


def test_a_stream_to_http_1_0_ends_with_the_connection(site: Server, token: Token) -> None:
    word = token()
    with site.client() as client:
        client.request("GET", f"/stream?{word}", version="1.0")
        assert site.get(f"/open?{word}")[0] == 200
        answer = client.response()
        assert answer.get("Transfer-Encoding") is None
        assert answer.body == b"firstsecond"


def test_a_client_that_does_not_read_stops_the_application(site: Server, token: Token) -> None:
    """Back-pressure on a response; then all of it comes."""
    word = token()
    with Client.narrow(site.port) as client:
        client.get(f"/flood?{word}")
        taken = settled(site, word)
        assert 0 < taken < 1024
        answer = client.response()
        assert len(answer.body) == 1024 * 65536
    site.log.wait_for(f"TOLD {word} flooded")


def test_a_client_that_leaves_ends_the_flood(site: Server, token: Token) -> None:
    """`send` raises OSError (ASGI 2.4), which is no error of the application."""
    word = token()
    with Client.narrow(site.port) as client:
        client.get(f"/flood?{word}")
        settled(site, word)
    site.log.wait_for(f"TOLD {word} OSError .*OSError")
    assert site.get("/unread") == (200, b"unread")


def settled(site: Server, word: str) -> int:
    """How many blocks were taken, when no more are: in fifty turns of the loop not one."""
    seen = [-1]
    with site.client() as beside:
        while len(seen) < 50 or seen[-50:] != [seen[-1]] * 50 or seen[-1] == 0:
            beside.get(f"/flooded?{word}")
            seen.append(int(beside.response().body))
    return seen[-1]


def test_early_hints(site: Server) -> None:
    with site.client() as client:
        client.get("/early-hint")
        hint = client.response()
        assert hint.status == 103
        assert hint.all("Link") == [
            "</a.css>; rel=preload; as=style",
            "</b.js>; rel=preload; as=script",
        ]
        assert client.response().body == b"hinted"


def test_informational_responses_of_gunicorn(site: Server) -> None:
    with site.client() as client:
        client.get("/informational")
        hint = client.response()
        assert (hint.status, hint.get("Link")) == (103, "</a.css>; rel=preload")
        assert client.response().body == b"informed"


def test_trailers(site: Server) -> None:
    with site.client() as client:
        client.get("/trailers", "TE: trailers", close=True)
        everything = client.everything()
    head, _, body = everything.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert body.lower() == b"6\r\nsummed\r\n0\r\nx-sum: 42\r\nx-more: yes\r\n\r\n"


def test_a_file_by_its_path(site: Server) -> None:
    with site.client() as client:
        client.get("/pathsend")
        answer = client.response()
        assert answer.body == b"pathsend" * 30000
        client.get("/unread")
        assert client.response().body == b"unread"


def test_a_file_that_is_not_there(site: Server, token: Token) -> None:
    """The application is told, and may answer otherwise."""
    word = token()
    assert site.get(f"/pathsend-missing?{word}") == (200, b"missing")
    site.log.wait_for(f"TOLD {word} FileNotFoundError")


def test_parts_of_a_file_by_its_descriptor(site: Server) -> None:
    with site.client() as client:
        client.get("/zerocopysend")
        assert client.response().body == b"34-789"
