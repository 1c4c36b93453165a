"""Several requests at a time: none of them waits for another one that is slow.

What must happen first is waited for as an event; that it does happen while the slow request is
still at its gate is the test. Nothing here looks at a clock.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.server import open_gate, opened
from e2e.transport import carried
from patience import PATIENCE

if TYPE_CHECKING:
    from concurrent.futures import Future

    from e2e.client import Response
    from e2e.conftest import Fifos
    from e2e.server import Serve, Server

#: As many as the gthread worker under test has threads.
AT_ONCE = 4
MANY = 12


@pytest.fixture
def server(site: Server) -> Server:
    """One worker, which all tests share: a request is known in its log by its gate."""
    return site


def test_a_ready_request_starts_while_a_slow_one_runs(server: Server, fifo: str) -> None:
    """On a connection that is there already, and on a new one."""
    with server.client() as slow, server.client() as kept:
        kept.get("/")
        assert kept.response().body == b"hello"
        slow.get(f"/wait?fifo={fifo}")
        waits_at(server, fifo)
        for _ in range(3):
            kept.get("/")
            assert kept.response().body == b"hello"
            assert server.get("/") == (200, b"hello")
        open_gate(fifo)
        assert slow.response().body == b"waited"


def test_requests_that_arrive_together_start_beside_a_slow_one(server: Server, fifo: str) -> None:
    """Read in one turn of the loop, the slow one first: the others do not queue behind it."""
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(AT_ONCE)]
        for client in clients:
            client.get("/")
            assert client.response().body == b"hello"
        os.kill(server.worker_pid(), signal.SIGSTOP)
        slow, *others = clients
        slow.get(f"/wait?fifo={fifo}")
        for client in others:
            client.get("/")
        os.kill(server.worker_pid(), signal.SIGCONT)
        for client in others:
            assert client.response().body == b"hello"
        open_gate(fifo)
        assert slow.response().body == b"waited"


def test_four_slow_requests_run_at_a_time(server: Server, fifos: Fifos) -> None:
    """They end in the order in which they are let go, which is not that of their arrival."""
    gates = fifos(AT_ONCE)
    with ExitStack() as stack:
        clients = [waiting(stack, server, gate) for gate in gates]
        for gate in gates:
            waits_at(server, gate)
        for gate, client in reversed(list(zip(gates, clients, strict=True))):
            open_gate(gate)
            assert client.response().body == b"waited"


def test_more_slow_requests_than_the_worker_runs_are_all_answered(
    server: Server, fifos: Fifos
) -> None:
    gates = fifos(MANY)
    with ExitStack() as stack:
        clients = [waiting(stack, server, gate) for gate in gates]
        waits_at(server, *gates)
        stack.enter_context(opened(*gates))
        for client in clients:
            assert client.response().body == b"waited"


def test_an_upload_is_read_while_a_slow_one_runs(server: Server, fifo: str) -> None:
    body = bytes(range(251)) * 8000
    with ExitStack() as stack:
        slow = waiting(stack, server, fifo)
        waits_at(server, fifo)
        client = stack.enter_context(server.client())
        client.request("POST", "/digest", body=body)
        assert client.response().body.decode() == hashlib.sha256(body).hexdigest()
        client.get("/big?mb=4")
        assert len(client.response().body) == 4 << 20
        open_gate(fifo)
        assert slow.response().body == b"waited"


def test_two_streams_advance_independently(server: Server, fifos: Fifos) -> None:
    gates = fifos(2)
    with server.client() as one, server.client() as two:
        for client, gate in zip((one, two), gates, strict=True):
            client.get(f"/gate?fifo={gate}")
            until(client, b"first")
        for client, gate in zip((two, one), reversed(gates), strict=True):
            open_gate(gate)
            until(client, b"second")


def test_a_connection_that_was_taken_over_delays_no_other(server: Server) -> None:
    """The application waits on the socket itself, as WebSocket libraries do."""
    with server.client() as taken:
        taken.get("/take-over", "Connection: Upgrade", "Upgrade: shout")
        assert taken.response().status == 101
        for _ in range(3):
            assert server.get("/") == (200, b"hello")
        taken.send(b"still there")
        assert taken.everything() == b"STILL THERE"


def test_at_the_limit_accepting_rests_until_a_connection_is_idle(
    args: tuple[str, ...], serve: Serve, fifos: Fifos
) -> None:
    """Both connections are busy: the third one is not even accepted."""
    server = serve("site_app", *args, "--worker-connections", "2", "--access-logfile", "-")
    gates = fifos(2)
    with ExitStack() as stack:
        first, second = (waiting(stack, server, gate) for gate in gates)
        server.log.wait_for("app: waits", 2)
        late = asking(stack, server, "/late")
        for client, gate in ((first, gates[0]), (second, gates[1])):
            open_gate(gate)
            assert client.response().body == b"waited"
        assert b'"/late"' in late.result().body
        # An idle connection made room, and no busy one.
        server.output.wait_for("GET /late ")
        ended = [line.split()[6].partition("?")[0] for line in server.output.all()]
    assert ended[0] == "/wait"


def test_at_the_limit_every_client_has_a_turn(
    args: tuple[str, ...], serve: Serve, fifos: Fifos
) -> None:
    """Again and again: a client whose request ends makes room for the next one."""
    server = serve("site_app", *args, "--worker-connections", "1")
    for count, gate in enumerate(fifos(3), 1):
        with ExitStack() as stack:
            first = waiting(stack, server, gate)
            server.log.wait_for("app: waits", count)
            others = [asking(stack, server, "/") for _ in range(3)]
            open_gate(gate)
            assert first.response().body == b"waited"
            assert [other.result().body for other in others] == [b"hello"] * 3


def test_at_the_limit_a_slow_reader_is_not_idle(args: tuple[str, ...], serve: Serve) -> None:
    """The application has answered; the client has not read it yet."""
    server = serve("site_app", *args, "--worker-connections", "1")
    with ExitStack() as stack, Client.narrow(server.port) as slow:
        slow.get("/big?mb=8")
        server.log.wait_for("called /big")
        late = asking(stack, server, "/")
        assert len(slow.response().body) == 8 << 20
        assert late.result().body == b"hello"
        assert slow.is_closed()


def test_a_client_that_leaves_meanwhile_does_no_harm(server: Server, fifo: str) -> None:
    with server.client() as client:
        client.get(f"/wait?fifo={fifo}")
        waits_at(server, fifo)
    open_gate(fifo)
    assert server.get("/") == (200, b"hello")


def test_a_client_that_leaves_before_its_turn_does_no_harm(server: Server, fifos: Fifos) -> None:
    gates = fifos(AT_ONCE)
    with ExitStack() as stack:
        clients = [waiting(stack, server, gate) for gate in gates]
        waits_at(server, *gates)
        with server.client() as leaving:
            leaving.get("/left")
        stack.enter_context(opened(*gates))
        for client in clients:
            assert client.response().body == b"waited"
    assert server.get("/") == (200, b"hello")


def waiting(stack: ExitStack, server: Server, gate: str) -> Client:
    """A client whose request waits at the gate."""
    client = stack.enter_context(server.client())
    client.get(f"/wait?fifo={gate}")
    return client


def asking(stack: ExitStack, server: Server, path: str) -> Future[Response]:
    """A client that is connected, and may have to wait until it is accepted: for its answer, and
    with TLS for its handshake."""
    raw = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE))

    def ask() -> Response:
        client = Client(carried(raw))
        client.get(path, close=True)
        return client.response()

    return stack.enter_context(ThreadPoolExecutor(1)).submit(ask)


def waits_at(server: Server, *gates: str) -> None:
    """Wait until one of the gates has its request."""
    server.log.wait_for(f"app: waits ({'|'.join(map(re.escape, gates))})$")


def until(client: Client, end: bytes) -> None:
    """Read until these bytes have come."""
    seen = b""
    while end not in seen:
        seen += client.some()
