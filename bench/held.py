"""Connections held open by the thousand: idle WebSockets, and event streams.

What they cost in memory, and whether all of them are served in the end. They are opened some at a
time, so that no backlog overflows, by one thread and one selector.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

from bench import usage
from bench.app_asgi import EVENTS
from bench.crowd import settle
from bench.load import LoadError
from bench.process import ask
from bench.scenario import Measure, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.process import Running, Tools

WEBSOCKETS = 10_000
STREAMS = 1_000
#: Connections that are opened at the same time, and seconds for all of them.
AT_ONCE = 64
PATIENCE = 60.0
FEW_WITHIN = 10.0
#: RFC 6455, 1.3: a key, and what answers it.
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#: As browsers offer it.
OFFER = "permessage-deflate; client_max_window_bits"
#: First bytes of frames.
BINARY, DEFLATED, PING = 0x82, 0xC2, 0x89
#: What is left off the end of a compressed message (RFC 7692, 7.2.1).
FLUSHED = b"\x00\x00\xff\xff"
MESSAGE = b"an idle connection has had one message " * 3
WEBSOCKET_COLUMNS = ("KB/connection", "all PSS MB", "held", "compressed", "opened/s", "answered")
STREAM_COLUMNS = ("KB/connection", "all PSS MB", "held", "event ms", "received", "ended")


class Client:
    """One connection, and what has come on it."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.received = b""
        self.ended = False
        #: The compressed messages that came before: the next one may refer to them.
        self._inflated = b""
        self.socket.sendall(request)

    def receive(self) -> None:
        """Take what has come."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.received += data
        self.ended = not data

    def drop_pings(self) -> None:
        """Take whole pings from the beginning of what has come."""
        while self.received[:1] == bytes((PING,)) and self._has_whole():
            self.received = self.received[2 + self.received[1] :]

    def has_frame(self) -> bool:
        """Whether a frame that is no ping has come."""
        self.drop_pings()
        return self._has_whole()

    def message(self) -> bytes:
        """Take the message whose only frame has come."""
        first, end = self.received[0], 2 + self.received[1]
        payload, self.received = self.received[2:end], self.received[end:]
        if first != DEFLATED:
            return payload if first == BINARY else b""
        inflate = zlib.decompressobj(-15)
        inflate.decompress(self._inflated)
        self._inflated += payload + FLUSHED
        return inflate.decompress(payload + FLUSHED)

    def _has_whole(self) -> bool:
        return len(self.received) >= 2 and len(self.received) >= 2 + self.received[1]


class Crowd:
    """Clients that have all asked the same."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self.clients: list[Client] = []

    def close(self) -> None:
        """Close all connections."""
        for client in self.clients:
            client.socket.close()

    def open(self, count: int, is_open: Callable[[Client], bool]) -> None:
        """Open so many, and wait until each has had its answer."""
        deadline = time.monotonic() + PATIENCE
        while len(self.clients) < count:
            few = min(AT_ONCE, count - len(self.clients))
            try:
                opened = [Client(self._port, self._request) for _ in range(few)]
            except OSError as error:
                raise LoadError(f"takes {len(self.clients)} connections: {error}") from error
            self.clients += opened
            if wait_for(opened, is_open, min(deadline, time.monotonic() + FEW_WITHIN)) < few:
                answer = next(each.received for each in opened if not is_open(each))
                raise LoadError(f"connection {len(self.clients)} was answered {answer[:80]!r}")

    def still_open(self) -> int:
        """How many of the connections the server has not closed."""
        for client in self.clients:
            client.socket.setblocking(False)
            client.receive()
        return sum(not client.ended for client in self.clients)


def wait_for(clients: list[Client], is_done: Callable[[Client], bool], deadline: float) -> int:
    """Receive until each is done, or ended, or the time is over; how many are done."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            if not client.ended and not is_done(client):
                selector.register(client.socket, selectors.EVENT_READ, client)
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(0.1):
                client = key.data
                client.receive()
                if client.ended or is_done(client):
                    selector.unregister(client.socket)
    return sum(is_done(client) for client in clients)


def websockets(scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Memory of idle WebSockets, each of which has had one message; then all have another."""
    offered = scenario.load.deflate
    settle()
    before_kb = usage.tree_pss(server.pid)
    request = _handshake(server.port, scenario.load.path, compressed=offered)
    with closing(Crowd(server.port, request)) as crowd:
        started = time.monotonic()
        crowd.open(WEBSOCKETS, lambda client: b"\r\n\r\n" in client.received)
        agreed = sum(_compresses(client, offered=offered) for client in crowd.clients)
        frame = _frame(compressed=agreed == WEBSOCKETS)
        first = _echo(crowd.clients, frame)
        opened = time.monotonic() - started
        settle(1.5)
        grown_kb = usage.tree_pss(server.pid) - before_kb
        held = crowd.still_open()
        again = _echo(crowd.clients, frame)
    values = {
        "KB/connection": grown_kb / WEBSOCKETS,
        "all PSS MB": (before_kb + grown_kb) / 1024,
        "held": float(held),
        "compressed": float(agreed),
        "opened/s": WEBSOCKETS / opened,
        "answered": float(min(first, again)),
    }
    if held < WEBSOCKETS:
        del values["KB/connection"]
    return Measure(values, "does not agree to compress" if offered and not agreed else "")


def streams(scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Memory of event streams, and how long it takes until an event has come on all of them."""
    path = scenario.load.path
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
    settle()
    before_kb = usage.tree_pss(server.pid)
    with closing(Crowd(server.port, request)) as crowd:
        crowd.open(STREAMS, lambda client: EVENTS[0] in client.received)
        settle(1.5)
        grown_kb = usage.tree_pss(server.pid) - before_kb
        held = crowd.still_open()
        started = time.monotonic()
        ask(server.port, "/publish")
        received = _wait(crowd.clients, lambda client: EVENTS[1] in client.received)
        took = time.monotonic() - started
        ask(server.port, "/publish")
        ended = _wait(crowd.clients, _has_ended)
    values = {
        "KB/connection": grown_kb / STREAMS,
        "all PSS MB": (before_kb + grown_kb) / 1024,
        "held": float(held),
        "event ms": took * 1000,
        "received": float(received),
        "ended": float(ended),
    }
    if held < STREAMS:
        del values["KB/connection"]
    return Measure(values)


def _has_ended(client: Client) -> bool:
    """Whether the last event has come, and the end of the body after it."""
    _, found, rest = client.received.partition(EVENTS[2])
    return bool(found) and (client.ended or rest.endswith(b"0\r\n\r\n"))


def _wait(clients: list[Client], is_done: Callable[[Client], bool]) -> int:
    return wait_for(clients, is_done, time.monotonic() + PATIENCE)


def _handshake(port: int, path: str, *, compressed: bool) -> bytes:
    extensions = f"Sec-WebSocket-Extensions: {OFFER}\r\n" if compressed else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
        f"{extensions}\r\n"
    ).encode()


def _compresses(client: Client, *, offered: bool) -> bool:
    """Whether compression was agreed on; what follows the handshake is kept."""
    head, _, client.received = client.received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101") or ACCEPT not in head:
        raise LoadError(f"no handshake: {head[:80]!r}")
    agreed = b"permessage-deflate" in head
    if agreed and not offered:
        raise LoadError("compresses, which was not offered")
    return agreed


def _frame(*, compressed: bool) -> bytes:
    """The message as a client sends it: masked, and compressed as every window allows."""
    payload = MESSAGE
    if compressed:
        deflate = zlib.compressobj(wbits=-9)
        payload = (deflate.compress(MESSAGE) + deflate.flush(zlib.Z_SYNC_FLUSH))[: -len(FLUSHED)]
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((DEFLATED if compressed else BINARY, 0x80 | len(payload))) + mask + masked


def _echo(clients: list[Client], frame: bytes) -> int:
    """A message on each connection, some at a time; how many came back as they were sent."""
    deadline = time.monotonic() + PATIENCE
    answered = 0
    for at in range(0, len(clients), AT_ONCE):
        few = [client for client in clients[at : at + AT_ONCE] if not client.ended]
        for client in few:
            client.drop_pings()
            client.socket.setblocking(True)
            client.socket.sendall(frame)
        wait_for(few, Client.has_frame, deadline)
        answered += sum(client.has_frame() and client.message() == MESSAGE for client in few)
    return answered
