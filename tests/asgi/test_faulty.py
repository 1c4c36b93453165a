"""Applications that do wrong: what the client sees, and one clear error in the log."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from e2e.client import CutShortError

if TYPE_CHECKING:
    from asgi.conftest import Shared, Token
    from e2e.server import Server


@pytest.fixture
def site(shared: Shared) -> Server:
    """apps/faulty_asgi_app.py on each loop."""
    return shared("faulty_asgi_app", tracebacks=True)


#: What an application does before anything has left → what the log says of it.
BEFORE = {
    "returns": r"returned without .*http\.response\.start",
    "body-first": r"http\.response\.body.*no http\.response\.start",
    "no-dict": r"dict.*list",
    "no-type": r"\"type\"",
    "unknown-type": r"http\.response\.begin",
    "websocket-event": r"websocket\.accept",
    "no-status": r"the start of a response has no \"status\"",
    "status-text": r"\"status\" is no status code: '200 OK'",
    "status-range": "Invalid HTTP status",
    "header-text": r"bytes, not str",
    "header-name": "Invalid HTTP header name",
    "header-value": "Invalid HTTP header value",
    "header-single": r"pair",
    "headers-none": r"http\.response\.start.*headers|NoneType",
    "length-twice": r"(?i)content-length",
    "length-text": "Invalid Content-Length",
    "raises": "raised before the start",
    "raises-later": "raised before the start",
    "raises-group": "a key with",
    "cancels-itself": r"CancelledError|cancelled",
}


@pytest.mark.parametrize("name", list(BEFORE))
def test_before_anything_has_left_it_is_500(site: Server, token: Token, name: str) -> None:
    before = len(site.log.all())
    status, body = site.get(f"/{name}?{token()}")
    assert status == 500
    assert b"x-bad" not in body
    told(site, before, BEFORE[name])
    assert site.get("/well") == (200, b"well")


def told(site: Server, before: int, pattern: str) -> None:
    """The log says what was wrong, once, after this many lines."""
    seen = len([line for line in site.log.all()[:before] if re.search(pattern, line)])
    site.log.wait_for(pattern, seen + 1)
    # One record: a line that begins with a time, and the traceback.
    site.get("/well")
    records = [line for line in site.log.all()[before:] if "[ERROR]" in line]
    assert len(records) == 1, records


#: What it does when the head may have left → what the log says of it.
AFTER = {
    "returns-after-start": r"returned before .*http\.response\.body",
    "returns-after-a-part": r"returned before .*http\.response\.body",
    "starts-twice": r"http\.response\.start.*has been started",
    "starts-after-a-part": r"http\.response\.start.*has been started",
    "body-text": r"http\.response\.body.*bytes, not str",
    "raises-after-start": "raised after the start",
    "raises-after-a-part": "raised after a part",
    "too-short": "sent less than its Content-Length",
    "trailers-unannounced": r"http\.response\.trailers",
}


@pytest.mark.parametrize("name", list(AFTER))
def test_afterwards_the_connection_ends(site: Server, name: str) -> None:
    """No client takes what has come for a whole response."""
    before = len(site.log.all())
    with site.client() as client:
        client.get(f"/{name}")
        try:
            answer = client.response()
        except CutShortError:
            pass
        else:
            assert answer.status == 500
            assert client.is_closed()
    told(site, before, AFTER[name])
    assert site.get("/well") == (200, b"well")


#: What it does when the response is complete → what the log says of it.
COMPLETE = {
    "answers-twice": r"http\.response\.start.*complete",
    "body-after-the-end": r"http\.response\.body.*complete",
    "raises-after-the-end": "raised after the end",
}


@pytest.mark.parametrize("name", list(COMPLETE))
def test_a_response_that_is_complete_is_whole(site: Server, name: str) -> None:
    before = len(site.log.all())
    with site.client() as client:
        client.get(f"/{name}")
        answer = client.response()
        assert (answer.status, answer.body) in {(200, b"body"), (200, b"whole")}
    told(site, before, COMPLETE[name])


def test_more_than_announced_is_not_sent(site: Server) -> None:
    with site.client() as client:
        client.get("/too-long", close=True)
        everything = client.everything()
    assert everything.endswith(b"\r\n\r\nbo") or everything.startswith(b"HTTP/1.1 500")
    site.log.wait_for(r"(?i)content-length|too long|more than")


def test_an_application_that_receives_for_ever(site: Server, token: Token) -> None:
    """It waits, and others are served, until its client leaves."""
    word = token()
    with site.client() as client:
        client.get(f"/receives-for-ever?{word}")
        site.log.wait_for(f"TOLD {word} http.request")
        assert site.get("/well") == (200, b"well")
    site.log.wait_for(f"TOLD {word} http.disconnect")
    assert site.get("/well") == (200, b"well")


#: Requests that no application sees → the status.
REFUSED = {
    b"GET / HTTP/1.1\r\n\r\n": 400,
    b"GET /well HTTP/1.1\r\nHost: a\r\nX bad: 1\r\n\r\n": 400,
    b"POST /well HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n": 400,
}
TOO_LARGE = {
    b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 5000): 414,
    b"GET /well HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"x" * 9000): 431,
    b"GET /well HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 101 + b"\r\n": 431,
}


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_request_that_is_refused(site: Server, number: int) -> None:
    data = list(REFUSED)[number]
    with site.client() as client:
        client.send(data)
        assert client.response().status == REFUSED[data]
        assert client.is_closed()


@pytest.mark.parametrize("number", range(len(TOO_LARGE)))
def test_a_head_that_is_too_large(site: Server, number: int) -> None:
    data = list(TOO_LARGE)[number]
    with site.client() as client:
        client.send(data)
        assert client.response().status == TOO_LARGE[data]
        assert client.is_closed()


def test_a_chunked_body_that_is_malformed(site: Server, token: Token) -> None:
    """The application sees a client that has left, or nothing; the connection ends."""
    with site.client() as client:
        client.request("POST", f"/receives-for-ever?{token()}", "Transfer-Encoding: chunked")
        client.send(b"3\r\nabc\r\nno size\r\n")
        with suppress(CutShortError):
            assert client.response().status == 400
        assert client.is_closed()
    assert site.get("/well") == (200, b"well")
