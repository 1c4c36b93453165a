"""What the application answers, on the wire (PEP 3333; RFC 9110 and 9112 for framing)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e import transport
from e2e.server import open_gate

if TYPE_CHECKING:
    from e2e.conftest import Fifos
    from e2e.server import Serve, Server


@pytest.mark.parametrize(
    "form",
    [
        *("list", "tuple", "generator", "iterator", "holes", "old protocol"),
        *("late start", "subclasses", "single", "lying", "lying list"),
    ],
)
def test_each_form_of_iterable(site: Server, form: str) -> None:
    with site.client() as client:
        client.get(f"/blocks?as={form.replace(' ', '+')}")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"one,two,three")
        client.get("/")
        assert client.response().body == b"hello"


def test_a_list_of_one_block_has_a_length(site: Server) -> None:
    with site.client() as client:
        client.get("/blocks?as=single")
        answer = client.response()
        assert answer.get("Content-Length") == "13"
        assert answer.get("Transfer-Encoding") is None


def test_a_generator_is_chunked(site: Server) -> None:
    with site.client() as client:
        client.get("/blocks?as=generator")
        answer = client.response()
        assert answer.get("Transfer-Encoding") == "chunked"
        assert b"" not in answer.chunks


def test_no_blocks_at_all(site: Server) -> None:
    with site.client() as client:
        client.get("/blocks?as=none")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"")
        client.get("/")
        assert client.response().body == b"hello"


@pytest.mark.parametrize("query", ["", "&more=1", "&more=5", "&more=5&hold=1"])
def test_a_block_leaves_before_the_next_one_is_made(site: Server, fifo: str, query: str) -> None:
    """Also one of several that came together, and if nothing else can run meanwhile."""
    with site.client() as client:
        client.get(f"/gate?fifo={fifo}{query}")
        seen = b""
        while b"first" not in seen:
            seen += client.some()
        Path(fifo).write_bytes(b"x")
        while not seen.endswith(b"0\r\n\r\n"):
            seen += client.some()
        assert b"second" in seen


def test_a_block_leaves_while_another_request_is_slow(site: Server, fifos: Fifos) -> None:
    """Another thread turns the reactor then, and must not leave the block where it is."""
    slow, fifo = fifos(2)
    with site.client() as first, site.client() as second:
        first.get(f"/wait?fifo={slow}")
        site.log.wait_for(f"app: waits {re.escape(slow)}$")
        # An answer on the other thread: the driver of the reactor has changed by now.
        second.get("/")
        assert second.response().status == 200
        second.get(f"/gate?fifo={fifo}")
        seen = b""
        while b"first" not in seen:
            seen += second.some()
        open_gate(fifo)
        open_gate(slow)
        assert first.response().body == b"waited"
        while not seen.endswith(b"0\r\n\r\n"):
            seen += second.some()


@pytest.mark.parametrize("form", ["generator", "exactly", "pipe", "file"])
@pytest.mark.parametrize("length", [1, 1000, 30_500])
def test_nothing_is_asked_for_beyond_the_announced_length(
    site: Server, form: str, length: int
) -> None:
    name = f"{form}-{length}"
    with site.client() as client:
        client.get(f"/too-long?as={form}&length={length}&name={name}")
        client.get("/")
        assert len(client.response().body) == length
        assert client.response().body == b"hello"
    site.log.wait_for(f"app: closed {name}$")


@pytest.mark.parametrize("form", ["generator", "file"])
@pytest.mark.parametrize("length", [30_500, 100_000_000_000])
def test_an_endless_body_whose_client_has_left(site: Server, form: str, length: int) -> None:
    """In the middle of the announced length, or behind it."""
    name = f"left-{form}-{length}"
    with site.client() as client:
        client.get(f"/too-long?as={form}&length={length}&name={name}")
        client.some()
    site.log.wait_for(f"app: closed {name}$")


def test_an_endless_body_that_head_asks_for(site: Server) -> None:
    with site.client() as client:
        client.request("HEAD", "/too-long?as=generator&length=3000&name=head")
        client.get("/")
        assert client.response("HEAD").get("Content-Length") == "3000"
        assert client.response().body == b"hello"
    site.log.wait_for("app: closed head$")


def test_start_response_by_keyword_and_what_it_is_bound_to(site: Server) -> None:
    with site.client() as client:
        for _ in range(3):  # the objects are used again
            client.get("/keywords")
            answer = client.response()
            assert (answer.status, answer.get("X-A")) == (202, "1")
            # HTTP/2 has no phrases (RFC 9113, section 8.3.2).
            assert answer.reason == ("Accepted" if transport.HTTP_2 else "Sure")
            assert json.loads(answer.body) == {
                "before": [None, [], False],
                "after": ["202 Sure", [["X-A", "1"], ["Content-Length", "300"]], 202, 300],
            }


def test_head_has_the_head_alone(site: Server) -> None:
    with site.client() as client:
        client.request("HEAD", "/")
        client.get("/")
        assert client.response("HEAD").get("Content-Length") == "5"
        assert client.response().body == b"hello"


def test_head_of_a_generator(site: Server) -> None:
    with site.client() as client:
        client.request("HEAD", "/blocks?as=generator")
        client.get("/")
        assert client.response("HEAD").status == 200
        assert client.response().body == b"hello"


@pytest.mark.parametrize("code", [204, 304])
def test_statuses_without_body_lose_it(site: Server, code: int) -> None:
    with site.client() as client:
        client.get(f"/status?code={code}")
        client.get("/")
        answer = client.response()
        assert (answer.status, answer.get("X-Kept")) == (code, "yes")
        assert answer.get("Transfer-Encoding") is None
        assert client.response().body == b"hello"


def test_no_content_has_no_length(site: Server) -> None:
    with site.client() as client:
        client.get("/status?code=204")
        assert client.response().get("Content-Length") is None


def test_an_odd_status_is_passed_on(site: Server) -> None:
    with site.client() as client:
        client.get("/status?code=299")
        answer = client.response()
        assert (answer.status, answer.reason) == (299, "Whatever")


def test_fields_are_kept_and_the_servers_own_are_its_own(site: Server) -> None:
    with site.client() as client:
        client.get("/fields")
        answer = client.response()
        assert answer.all("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
        assert answer.get("X-Latin") == "caf\xe9"
        assert answer.get("X-Empty") == ""
        assert answer.get("Server") == "licorne"
        date = answer.get("Date") or ""
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)
        assert answer.get("Keep-Alive") is None
        assert answer.body == b"fields"


def test_early_hints(site: Server) -> None:
    with site.client() as client:
        client.get("/hints")
        interim, answer = client.response(), client.response()
        assert interim.status == 103
        assert interim.all("Link") == ["</style.css>; rel=preload", "</code.js>; rel=preload"]
        assert (answer.status, answer.body) == (200, b"hinted")


def test_early_hints_are_not_for_http_1_0(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/hints", version="1.0")
        assert client.response().body == b"hinted"


def test_close_is_called(site: Server) -> None:
    with site.client() as client:
        client.get("/closing?name=ordinary")
        assert client.response().body == b"to be closed"
    site.log.wait_for("app: closed ordinary")


def test_close_is_called_on_head(site: Server) -> None:
    with site.client() as client:
        client.request("HEAD", "/closing?name=head")
        client.response("HEAD")
    site.log.wait_for("app: closed head")


def test_close_is_called_when_the_client_leaves(site: Server) -> None:
    with site.client() as client:
        client.get("/endless?name=left")
        client.some()
    site.log.wait_for("app: closed left")
    assert site.get("/") == (200, b"hello")


def test_write_then_iterable(site: Server) -> None:
    with site.client() as client:
        client.get("/writer")
        assert client.response().body == b"written, then returned"
        client.get("/")
        assert client.response().body == b"hello"


@pytest.mark.parametrize("path", ["/replaced", "/replaced-after-empty-block"])
def test_exc_info_replaces_the_head_before_it_is_sent(site: Server, path: str) -> None:
    with site.client() as client:
        client.get(path)
        answer = client.response()
        assert (answer.status, answer.body) == (503, b"replaced")
        assert (answer.get("X-First"), answer.get("X-Second")) == (None, "2")


@pytest.mark.parametrize("mb", [1, 8])
def test_large_responses_are_whole(site: Server, mb: int) -> None:
    with site.client() as client:
        client.get(f"/big?mb={mb}")
        assert client.response().body == bytes(range(256)) * 4096 * mb
        client.get("/")
        assert client.response().body == b"hello"


def test_the_standard_librarys_validator_has_nothing_to_say(
    args: tuple[str, ...], serve: Serve
) -> None:
    """wsgiref.validate raises on any breach of PEP 3333 by the server."""
    server = serve("validated_app", *args)
    with server.client() as client:
        client.request("POST", "/path%20x?query=1", "Content-Type: text/plain", body=b"a\nb\n")
        assert client.response().body == b"a\nb\n"
        client.request("HEAD", "/")
        assert client.response("HEAD").status == 200
        client.request("POST", "/", "Transfer-Encoding: chunked")
        client.send(b"2\r\nab\r\n0\r\n\r\n")
        assert client.response().body == b"ab"
    server.log.wait_for("^echoed$")  # wsgi.errors leads to the error log
