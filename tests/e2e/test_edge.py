"""Limits on single clients: rates, connections of an address, requests of a connection."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.fronted import KINDS, ask, every_kind
from faults.processes import eventually

if TYPE_CHECKING:
    from e2e.server import Serve


@every_kind
def test_the_last_request_of_a_connection(serve: Serve, kind: str) -> None:
    app, *args = KINDS[kind]
    server = serve(app, *args, "--keep-alive-requests", "3")
    with server.client() as client:
        for last in (False, False, True):
            client.get("/")
            answer = client.response()
            assert answer.status == 200
            assert (answer.get("Connection") == "close") is last
        assert client.is_closed()


@every_kind
def test_connections_of_an_address(serve: Serve, kind: str) -> None:
    app, *args = KINDS[kind]
    limits = ("--connections-per-address", "2", "--forwarded-allow-ips", "10.0.0.1")
    server = serve(app, *args, *limits)
    with server.client() as one, server.client() as two:
        ask(one)
        ask(two)
        with server.client() as three:
            assert three.is_closed()
        server.log.wait_for(r"Closed a connection of 127\.0\.0\.1.*\(connections_per_address\)")
        # Another address has its own.
        address, source = ("127.0.0.1", server.port), ("127.0.0.2", 0)
        with Client(socket.create_connection(address, source_address=source)) as other:
            ask(other)
        ask(one)
    eventually(lambda: _is_let_in(server.client()), "there is room again")


def _is_let_in(client: Client) -> bool:
    with client:
        try:
            client.get("/")
            return client.response().status == 200
        except (OSError, AssertionError):
            return False


@pytest.mark.patient
@every_kind
def test_a_body_that_comes_too_slowly(serve: Serve, kind: str) -> None:
    """A byte in every tenth of a second is less than the least rate, and no pause."""
    app, *args = KINDS[kind]
    server = serve(app, *args, "--body-min-rate", "1000")
    with server.client() as client:
        begun = time.monotonic()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        client.socket.settimeout(0.1)
        data = b""
        while not data:
            try:
                client.send(b"x")
                data = client.socket.recv(1000)
            except TimeoutError:
                continue
        assert time.monotonic() - begun >= 4
    assert data.startswith(b"HTTP/1.1 408 ")


@pytest.mark.patient
@every_kind
def test_an_answer_that_is_read_too_slowly(serve: Serve, kind: str) -> None:
    app, *args = KINDS[kind]
    server = serve(app, *args, "--write-min-rate", "1000000", tracebacks=True)
    with Client.narrow(server.port) as client:
        client.get("/large")

        def told() -> bool:
            # A little of it now and then.
            assert client.socket.recv(4096)
            return any("more slowly than write_min_rate" in line for line in server.log.all())

        eventually(told, "the client is too slow")
