"""`environ["licorne.websocket"]`: WSGI applications that speak WebSocket, with a real client."""

from __future__ import annotations

import signal
import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from e2e.conftest import WORKERS
from e2e.server import TELLS_READY, Server
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from e2e.server import Serve

#: Those whose applications can wait.
WAITING = ("sync", "gthread", "gevent", "eventlet")
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(params=WAITING)
def kind(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return str(request.param)


@pytest.fixture
def talking(kind: str, sites: dict[str, Server]) -> Server:
    """apps/websocket_app.py under each of them."""
    name = f"websocket {kind}"
    if name not in sites:
        log = ("--access-logfile", "-", "--access-logformat", "%(r)s %(s)s %(B)s")
        sites[name] = Server("websocket_app:app", *WORKERS[kind], *log)
        sites[name].tolerates_tracebacks = True
    return sites[name]


def opened(
    server: Server, path: str, subprotocols: Sequence[str] = (), **options: object
) -> ClientConnection:
    """A connection whose handshake was accepted."""
    url = f"ws://127.0.0.1:{server.port}{path}"
    return connect(url, subprotocols=list(subprotocols) or None, open_timeout=PATIENCE, **options)  # type: ignore[arg-type]


def _read_on(connection: ClientConnection) -> None:
    while True:
        connection.recv(PATIENCE)


def end_of(connection: ClientConnection) -> tuple[int, str]:
    """The close frame of the server."""
    with pytest.raises(ConnectionClosed) as caught:
        _read_on(connection)
    received = caught.value.rcvd
    assert received is not None
    return received.code, received.reason


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_come_back(talking: Server, compression: str | None) -> None:
    messages: list[str | bytes] = ["grün", b"\x00\xff", "", b"", "x" * 100_000, b"y" * 1_000_000]
    with opened(talking, "/echo", compression=compression) as connection:
        assert bool(connection.protocol.extensions) is (compression is not None)
        for message in messages:
            connection.send(message)
            assert connection.recv(PATIENCE) == message
        connection.ping().wait(PATIENCE)
    talking.log.wait_for("the end of echo: closed=True")
    talking.output.wait_for(r"^GET /echo HTTP/1.1 101 0$")


def test_several_messages_that_come_together(talking: Server) -> None:
    with opened(talking, "/echo") as connection:
        for number in range(200):
            connection.send(str(number))
        assert [connection.recv(PATIENCE) for _ in range(200)] == [str(n) for n in range(200)]


def test_the_handshake_has_what_the_application_says(talking: Server) -> None:
    with opened(talking, "/choose", ["one", "two", "three"]) as connection:
        assert connection.subprotocol == "two"
        assert connection.response is not None
        assert connection.response.headers["X-Chosen"] == "second"
        assert connection.recv(PATIENCE) == "one,two,three"
        assert end_of(connection) == (1000, "")


def test_the_application_is_told_how_it_has_ended(talking: Server) -> None:
    with opened(talking, "/told") as connection:
        connection.close(4321, "später")
    talking.log.wait_for(
        "closed with 4321 'später', the WebSocket connection is closed with code 4321: später"
    )
    talking.log.wait_for("send: 4321")


def test_a_client_that_is_lost(talking: Server) -> None:
    with opened(talking, "/told") as connection:
        connection.socket.close()
        talking.log.wait_for("closed with 1006 ''")


def test_a_client_that_is_lost_before_the_connection_is_accepted(talking: Server) -> None:
    """The application is told, and need not be interested: the log has no error of it."""
    head = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    with socket.create_connection(("127.0.0.1", talking.port), PATIENCE) as client:
        client.sendall(f"GET /late HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        talking.log.wait_for("late: waits")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talking.log.wait_for("late: closed=True")
    assert talking.get("/")[0] == 200
    assert not talking.log.matching("GET /late")


def test_the_application_closes(talking: Server) -> None:
    with opened(talking, "/closes") as connection:
        assert end_of(connection) == (4000, "that was it")
    talking.log.wait_for("answered with 4000")


def test_what_an_application_can_do_wrong(talking: Server) -> None:
    with opened(talking, "/wrong") as connection:
        assert connection.recv(PATIENCE) == b"well"
    for line in (
        "RuntimeError: the WebSocket handshake is not accepted",
        "ValueError: Subprotocol is none of those",
        "ValueError: Invalid",
        "RuntimeError: accept\\(\\): it was accepted already",
        "ValueError: Invalid close code",
        "ValueError: Close reason is longer",
        "TypeError: a message that is not str must be bytes, not int",
    ):
        talking.log.wait_for(line)


def test_an_application_that_fails(talking: Server) -> None:
    with opened(talking, "/fails") as connection:
        connection.send("go")
        assert end_of(connection) == (1011, "")
    talking.log.wait_for("Error handling request GET /fails")
    talking.log.wait_for("RuntimeError: on purpose")


def test_a_slow_client_gets_everything(talking: Server) -> None:
    with opened(talking, "/large", max_size=None) as connection:
        time.sleep(0.05)
        for number in range(64):
            assert connection.recv(PATIENCE) == bytes([number]) * 100_000
        assert end_of(connection) == (1000, "")


def test_a_ping_is_answered_while_the_application_is_busy(talking: Server) -> None:
    """It keeps its thread, its loop and the interpreter lock."""
    with opened(talking, "/busy") as connection:
        assert connection.recv(PATIENCE) == "busy"
        began = time.monotonic()
        assert connection.ping().wait(PATIENCE)
        answered = time.monotonic() - began
        connection.send("and now")
        assert connection.recv(PATIENCE) == "and now"
        assert answered < time.monotonic() - began


def test_an_application_that_does_not_accept_answers(talking: Server) -> None:
    with pytest.raises(InvalidStatus) as caught:
        opened(talking, "/nothing")
    response = caught.value.response
    assert (response.status_code, response.body) == (404, b"not here")


def test_a_denied_handshake_leaves_nothing_behind(talking: Server) -> None:
    """The same head comes again: each request has a handshake of its own."""
    head = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    for _ in range(4):
        with talking.client() as client:
            client.send(f"GET /nothing HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
            answer = client.response()
            assert (answer.status, answer.body) == (404, b"not here")
    for _ in range(4):
        with opened(talking, "/closes") as connection:
            assert end_of(connection) == (4000, "that was it")
    assert talking.get("/nothing") == (200, b"no handshake")


@pytest.mark.parametrize(
    "changed",
    [
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Version": "12"},
        {"Upgrade": "other"},
        {"Connection": "keep-alive"},
    ],
)
def test_what_is_no_handshake_is_a_request_as_ever(
    talking: Server, changed: dict[str, str | None]
) -> None:
    fields = {name: value for name, value in (HANDSHAKE | changed).items() if value is not None}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with talking.client() as client:
        client.send(f"GET /echo HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        answer = client.response()
    assert (answer.status, answer.body) == (200, b"no handshake")


def test_a_client_that_breaks_a_rule(talking: Server) -> None:
    """The close frame with the reason, one line of the log, and the worker goes on."""
    with opened(talking, "/echo") as connection:
        connection.socket.sendall(b"\x81\x01x")
        assert end_of(connection) == (1002, "Frame of a client is not masked")
    talking.log.wait_for(
        "Invalid WebSocket data from ip=127.0.0.1: Frame of a client is not masked"
    )
    assert talking.get("/")[0] == 200


def test_a_stop_closes_with_1001(kind: str, serve: Serve) -> None:
    server = serve("websocket_app:app", *WORKERS[kind])
    with opened(server, "/told") as connection:
        server.send(signal.SIGTERM)
        assert end_of(connection) == (1001, "")
    assert server.wait() == 0
    server.log.wait_for("closed with 1001 ''")


def test_a_worker_that_is_replaced_closes_with_1012(kind: str, serve: Serve) -> None:
    server = serve("websocket_app:app", *WORKERS[kind], *TELLS_READY)
    server.ready(1)
    with opened(server, "/told") as connection:
        server.send(signal.SIGHUP)
        assert end_of(connection) == (1012, "")
    server.log.wait_for("closed with 1012 ''")
    with opened(server, "/echo") as connection:
        connection.send("next")
        assert connection.recv(PATIENCE) == "next"


@pytest.mark.parametrize("kind", ["gthread", "gevent", "eventlet"], indirect=True)
def test_connections_side_by_side(talking: Server) -> None:
    """Each of them waits for its own messages."""
    with ExitStack() as all_of_them:
        connections = [all_of_them.enter_context(opened(talking, "/echo")) for _ in range(4)]
        for number, connection in enumerate(connections):
            connection.send(f"first {number}")
        for number, connection in reversed(list(enumerate(connections))):
            assert connection.recv(PATIENCE) == f"first {number}"
            connection.send("second")
        for connection in connections:
            assert connection.recv(PATIENCE) == "second"


@pytest.mark.parametrize("kind", ["sync"], indirect=True)
def test_a_worker_that_waits_for_messages_keeps_no_request(kind: str, serve: Serve) -> None:
    """Its only thread waits: new clients, and those that it has had, are served by its sibling."""
    server = serve("websocket_app:app", *WORKERS[kind], "-w", "2", *TELLS_READY)
    server.ready(2)
    with ExitStack() as all_of_them:
        clients = [all_of_them.enter_context(server.client()) for _ in range(6)]
        for client in clients:
            client.get("/")
            assert client.response().status == 200
        connection = all_of_them.enter_context(opened(server, "/echo"))
        connection.send("first")
        assert connection.recv(PATIENCE) == "first"
        for client in clients:
            client.get("/")
            assert client.response().status == 200
        for _ in range(10):
            assert server.get("/")[0] == 200
        connection.send("second")
        assert connection.recv(PATIENCE) == "second"


def test_messages_that_are_too_large(kind: str, serve: Serve) -> None:
    server = serve("websocket_app:app", *WORKERS[kind], "--websocket-max-message-size", "1000")
    with opened(server, "/told") as connection:
        connection.send("x" * 100_000)
        assert end_of(connection) == (1009, "Message is too big")
    server.log.wait_for("closed with 1009 'Message is too big'")
