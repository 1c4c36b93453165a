"""What applications rely on of asyncio, on each loop: tasks, contexts, cancellation, waiting."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from asgi.conftest import Shared, Token
    from e2e.server import Server


@pytest.fixture
def site(shared: Shared) -> Server:
    """apps/semantics_app.py on each loop."""
    return shared("semantics_app")


def request(*words: str) -> bytes:
    """A GET request as bytes."""
    return f"GET {'?'.join(words)} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def test_the_current_task_is_one_and_genuine(site: Server) -> None:
    with site.client() as client:
        for _ in range(3):
            client.get("/task")
            assert client.response().body == b"True True True"


def test_context_variables_over_awaits(site: Server, token: Token) -> None:
    """Each request begins with the default, whatever the one before left."""
    with site.client() as client:
        for _ in range(3):
            word = token()
            client.get(f"/context?{word}")
            assert client.response().body.decode() == f"nothing {' '.join([word] * 4)} nothing"


def test_pipelined_requests_share_no_context(site: Server, token: Token) -> None:
    words = [token() for _ in range(5)]
    with site.client() as client:
        client.send(b"".join(request("/context", word) for word in words))
        bodies = [client.response().body.decode() for _ in words]
    assert bodies == [f"nothing {' '.join([word] * 4)} nothing" for word in words]


@pytest.mark.parametrize(
    "left",
    ["name", "attribute", "reference", "weak-reference", "callback", "cancellation", "variable"],
)
def test_nothing_is_left_for_the_next_request(site: Server, left: str) -> None:
    """Whatever a request that ends with its first step has done to its task, and in one turn."""
    with site.client() as client:
        client.send(b"".join([request("/find"), request("/leave", left), request("/find")]))
        before, _, after = [client.response().body.decode() for _ in range(3)]
    called = int(before.split()[1]) + (left == "callback")
    assert (before.split()[0], after) == ("False", f"False {called}")


def test_the_task_shows_the_coroutine_of_the_application(site: Server) -> None:
    """Also the one of a request that has come with another one."""
    with site.client() as client:
        client.send(request("/ping") + request("/frames"))
        assert client.response().body == b"pong"
        names = client.response().body.decode().split()
    assert names == ["Semantics.__call__", "__call__"] * 2


def test_concurrent_requests_share_no_context(site: Server, token: Token) -> None:
    one, two = token(), token()
    with site.client() as first, site.client() as second:
        first.get(f"/overlapping?{one}")
        site.log.wait_for(f"TOLD {one} waits")
        second.get(f"/overlapping?{two}")
        site.log.wait_for(f"TOLD {two} waits")
        assert site.get(f"/open?{one}")[0] == 200
        assert site.get(f"/open?{two}")[0] == 200
        assert first.response().body.decode() == f"nothing {one}"
        assert second.response().body.decode() == f"nothing {two}"


def test_what_the_start_sets_is_seen_by_requests(site: Server) -> None:
    """Requests run in a copy of the context after lifespan start-up."""
    with site.client() as client:
        client.send(request("/started") * 2)
        assert client.response().body == b"at the start at the start"
        assert client.response().body == b"at the start at the start"


def test_sniffio_and_anyio_in_the_first_step(site: Server) -> None:
    status, body = site.get("/first-step")
    assert status == 200
    assert ast.literal_eval(body.decode()) == ["asyncio", True, True, [1, 2], "thread"]


def test_a_task_group_of_anyio_in_the_first_step(site: Server) -> None:
    assert site.get("/first-step-group") == (200, b"[1]")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")
def test_timeouts_and_task_groups_in_the_first_step(site: Server) -> None:
    status, body = site.get("/timeout")
    assert status == 200
    assert ast.literal_eval(body.decode()) == ["timed out", "one", "two", "failed", "0"]


def test_a_receive_that_times_out_loses_nothing(site: Server, token: Token) -> None:
    word = token()
    body = bytes(range(256)) * 100
    with site.client() as client:
        client.request("POST", f"/wait-for?{word}", f"Content-Length: {len(body)}")
        client.send(body[:10])
        site.log.wait_for(f"TOLD {word} timed out")
        for at in range(10, len(body), 777):
            client.send(body[at : at + 777])
        assert client.response().body == body


def test_receive_beside_others(site: Server) -> None:
    assert site.get("/gather") == (200, b"http.request slept nothing")


def test_receive_and_send_as_tasks(site: Server) -> None:
    assert site.get("/tasks") == (200, b"first http.request")


def test_receive_and_send_by_hand(site: Server) -> None:
    assert site.get("/by-hand") == (200, b"http.request True None None refused")


def test_receive_and_send_are_coroutine_functions(site: Server) -> None:
    assert site.get("/functions") == (200, b"[True, True, True]")


def test_receive_waits_after_the_body(site: Server, token: Token) -> None:
    word = token()
    with site.client() as client:
        client.get(f"/after-the-body?{word}")
        site.log.wait_for(f"TOLD {word} waiting False")
    site.log.wait_for(f"TOLD {word} received http.disconnect")


def test_receive_after_the_end(site: Server, token: Token) -> None:
    word = token()
    with site.client() as client:
        client.get(f"/after-the-end?{word}")
        assert client.response().body == b"answered"
    site.log.wait_for(f"TOLD {word} then http.disconnect")


def test_one_disconnect(site: Server, token: Token) -> None:
    word = token()
    with site.client() as client:
        client.get(f"/two-receive?{word}")
        site.log.wait_for(f"TOLD {word} begun")
    site.log.wait_for(f"TOLD {word} events http.disconnect$")


def test_a_task_is_cancelled_when_its_client_leaves(shared: Shared, token: Token) -> None:
    """What it held is freed (`asgi_disconnect_grace_period`, here 0)."""
    site = shared("semantics_app", "--asgi-disconnect-grace-period", "0")
    word = token()
    with site.client() as client:
        client.get(f"/sleeper?{word}")
        site.log.wait_for(f"TOLD {word} sleeps")
    site.log.wait_for(f"TOLD {word} cancelled")
    site.log.wait_for(f"TOLD {word} freed")
    assert site.get("/ping") == (200, b"pong")


def test_work_after_the_response_is_not_cancelled(site: Server, token: Token) -> None:
    """The client has its answer, asks again or leaves: the work goes on."""
    word = token()
    with site.client() as client:
        client.get(f"/background?{word}")
        assert client.response().body == b"answered"
        client.get("/ping")
        assert client.response().body == b"pong"
    assert site.get(f"/open?{word}")[0] == 200
    site.log.wait_for(f"TOLD {word} background nothing")


def test_a_stream_left_by_its_client_is_closed(site: Server, token: Token) -> None:
    word = token()
    with site.client() as client:
        client.get(f"/generator?{word}")
        assert client.some().startswith(b"HTTP/1.1 200")
    assert site.get(f"/open?{word}")[0] == 200
    site.log.wait_for(f"TOLD {word} closed")


def test_a_task_that_listens_ends_the_one_that_sends(site: Server, token: Token) -> None:
    """Nothing is raised where it sends before: Django closes its response then."""
    word = token()
    with site.client() as client:
        client.get(f"/listener?{word}")
        assert client.some().startswith(b"HTTP/1.1 200")
    site.log.wait_for(f"TOLD {word} http.disconnect")
    assert site.log.matching(f"TOLD {word} sender") == [f"TOLD {word} sender CancelledError"]


def test_a_task_factory_of_the_application(shared: Shared) -> None:
    server = shared("semantics_app:factory")
    with server.client() as client:
        client.send(request("/") * 2)
        assert client.response().body == b"True"
        assert client.response().body == b"True"
