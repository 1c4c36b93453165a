"""What only workers with greenlets can get wrong: which runs, which waits, which is ended."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.h2_client import H2Client
from e2e.scrape import ABANDONED, METRICS, WAITING, Page
from e2e.server import open_gate
from e2e.test_http2 import CLEAR
from e2e.transport import CLEAR_H2
from faults.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.server import Serve, Server

#: A worker class whose `notify` waits, as one that reports over the network does.
NOTIFYING = """
import time
from licorne.workers.{module} import {base}

class Worker({base}):
    def notify(self):
        super().notify()
        time.sleep(0.001)
        self.log.info("notified after a wait")
"""
BASES = {"gevent": ("ggevent", "GeventWorker"), "eventlet": ("geventlet", "EventletWorker")}

pytestmark = pytest.mark.parametrize("kind", ["gevent", "eventlet"])


def test_requests_for_which_there_is_no_greenlet_get_the_next_one(serve: Serve, kind: str) -> None:
    """Each comes when its predecessor has answered, and is still in the pool."""
    server = serve("site_app", "-k", kind, "--worker-connections", "1")
    with server.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5)
        assert [client.response().body for _ in range(5)] == [b"hello"] * 5
    assert server.get("/") == (200, b"hello")


def test_a_request_is_ended_while_another_writes_to_a_socket_that_it_has_taken(
    serve: Serve, kind: str, fifo: str
) -> None:
    server = serve("taking_app", "-k", kind, "--request-timeout", "0.5")
    slow = Client.narrow(server.port)
    slow.get("/large")
    assert slow.socket.recv(100)
    with server.client() as client:
        client.get(f"/wait?{fifo}")
        assert client.response().status == 504
    server.log.wait_for("Request over its time: GET /wait")
    server.log.wait_for("Error handling request GET /wait.*: aborted, it was over its time")
    assert server.get("/") == (200, b"hello")
    slow.socket.close()


def test_notify_of_a_subclass_may_wait(serve: Serve, kind: str, tmp_path: Path) -> None:
    module, base = BASES[kind]
    (tmp_path / "own.py").write_text(NOTIFYING.format(module=module, base=base), encoding="ascii")
    server = serve(
        "site_app", "-k", "own.Worker", environment={"PYTHONPATH": str(tmp_path)}
    )  # fmt: skip
    for count in range(1, 4):
        server.log.wait_for("notified after a wait", count)
        assert server.get("/") == (200, b"hello")


def has_left(server: Server, count: int) -> bool:
    """Whether so many requests were given up, and none waits."""
    page = Page(server)
    return page.sum(ABANDONED) == count and page.sum(WAITING) == 0


@pytest.fixture
def full(serve: Serve, kind: str, fifo: str) -> Iterator[tuple[Server, H2Client]]:
    """A server whose one greenlet waits, and a client with more requests than that."""
    args = ("--worker-connections", "1", "--graceful-timeout", "1", *METRICS)
    server = serve("site_app", "-k", kind, *CLEAR, *args)
    with H2Client(server.port) as client:
        begun = client.ask(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        yield server, client
        assert client.answer(begun).over


def test_what_has_no_greenlet_when_time_is_up_is_sent_back(
    full: tuple[Server, H2Client],
) -> None:
    """As what has no thread."""
    server, client = full
    waiting = client.ask("/never-called")
    eventually(lambda: Page(server).sum(WAITING) == 1, "it waits")
    server.send(signal.SIGTERM)
    answer = client.answer(waiting)
    assert (answer.status, answer.field("retry-after")) == (503, "1")
    assert server.wait() == 0
    assert not server.log.matching("called /never-called")


def test_what_is_given_up_before_there_is_a_greenlet_is_not_kept(
    full: tuple[Server, H2Client], fifo: str
) -> None:
    """However many there are: the client has one connection."""
    server, client = full
    at_once = 16
    for given_up in range(at_once, 5 * at_once, at_once):
        streams = [client.ask("/never-called", method="POST", body=b"x") for _ in range(at_once)]
        eventually(lambda: Page(server).sum(WAITING) == at_once, "they wait")
        for stream in streams:
            client.reset(stream)
        eventually(partial(has_left, server, given_up), "they are given up")
    last = client.ask("/")
    open_gate(fifo)
    assert client.answer(last).body == b"hello"
    assert not server.log.matching("called /never-called")


def test_a_worker_without_a_greenlet_leaves_clients_to_the_others(
    serve: Serve, kind: str, fifo: str
) -> None:
    """It has room for their connections."""
    args = ("--workers", "2", "--worker-connections", "4")
    server = serve("site_app", "-k", kind, *CLEAR_H2, *args)
    with H2Client(server.port) as client:
        streams = [client.ask(f"/wait?fifo={fifo}") for _ in range(4)]
        server.log.wait_for("app: waits", 4)
        for _ in range(20):
            assert server.get("/") == (200, b"hello")
        open_gate(fifo)
        for stream in streams:
            assert client.answer(stream).status == 200
        assert client.get("/").body == b"hello"
