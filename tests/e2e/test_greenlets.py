"""What only workers with greenlets can get wrong: which runs, which waits, which is ended."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

#: A worker class whose `notify` waits, as one that reports over the network does.
WAITING = """
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
    (tmp_path / "own.py").write_text(WAITING.format(module=module, base=base), encoding="ascii")
    server = serve(
        "site_app", "-k", "own.Worker", environment={"PYTHONPATH": str(tmp_path)}
    )  # fmt: skip
    for count in range(1, 4):
        server.log.wait_for("notified after a wait", count)
        assert server.get("/") == (200, b"hello")


def test_what_has_no_greenlet_when_time_is_up_is_sent_back(
    serve: Serve, kind: str, fifo: str
) -> None:
    """As what has no thread. There is one greenlet for each of two addresses."""
    server = serve(
        "site_app", "-k", kind, "--worker-connections", "1", "--graceful-timeout", "1",
        bind=("127.0.0.1:0", "127.0.0.1:0"),
    )  # fmt: skip
    with server.client() as begun, server.client() as waiting:
        begun.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        waiting.get("/never-called")
        server.send(signal.SIGTERM)
        answer = waiting.response()
        assert (answer.status, answer.get("Retry-After")) == (503, "1")
        begun.everything()
    assert server.wait() == 0
    assert not server.log.matching("called /never-called")
