"""Crowds of clients that a benchmark holds open beside its load.

Idle connections (each has had one answer), slow clients (senders that dribble a body, readers
that sip a large answer), and clients of a slow view. One thread and one selector for a crowd.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.process import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: A reader's window: small, so that the answer waits in the server and not in the kernel.
READER_WINDOW = 4096
SIP = 1024
#: One slow client after the other does one step per beat: no bursts that would disturb the
#: client whose times are taken, and with 400 clients each moves once a second.
BEAT = 0.0025
BODY = 100_000


class Idle:
    """Keep-alive connections that wait, each after one answer."""

    def __init__(self, port: int, count: int, *, tls: bool = False) -> None:
        self._sockets: list[socket.socket] = []
        request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        for _ in range(count):
            client = connect(port, 5, tls=tls)
            self._sockets.append(client)
            client.sendall(request)
            answer = b""
            while b"Hello, World!" not in answer and (more := client.recv(4096)):
                answer += more

    def still_open(self) -> int:
        """How many of the connections the server has not closed."""
        alive = 0
        for client in self._sockets:
            client.setblocking(False)
            try:
                alive += client.recv(1) != b""
            except (BlockingIOError, ssl.SSLWantReadError):
                alive += 1
            except OSError:
                continue
        return alive

    def close(self) -> None:
        """Close all of them."""
        for client in self._sockets:
            client.close()


class LongPolls:
    """Requests that the application keeps waiting, one on each connection."""

    def __init__(self, port: int, count: int) -> None:
        request = f"GET /poll HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self._clients = []
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), 20)
            self._clients.append(client)
            client.sendall(request)

    def answered(self) -> int:
        """How many get an answer."""
        heads = [client.recv(4096) for client in self._clients]
        for client in self._clients:
            client.close()
        return sum(head.startswith(b"HTTP/1.1 200") for head in heads)


class _Thread:
    """A crowd that lives in a thread of its own between `with` and its end."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join(10)

    def _run(self) -> None:
        raise NotImplementedError


class SlowClients(_Thread):
    """Senders that need minutes for a body, and readers that need minutes for 1 MB."""

    def __init__(self, port: int, senders: int, readers: int) -> None:
        super().__init__(port)
        self.connected = threading.Event()
        self.lost = 0
        self._counts = (senders, readers)

    def _run(self) -> None:
        senders = [self._sender() for _ in range(self._counts[0])]
        readers = [self._reader() for _ in range(self._counts[1])]
        self.connected.set()
        steps = [(client, _dribble) for client in senders] + [(client, _sip) for client in readers]
        for client, step in itertools.cycle(steps):
            if self._done.wait(BEAT):
                break
            self._step(client, step)
        for client in senders + readers:
            client.close()

    def _step(self, client: socket.socket, step: Callable[[socket.socket], int]) -> None:
        if client.fileno() < 0:
            return
        try:
            alive = step(client) > 0
        except BlockingIOError:
            return
        except OSError:
            alive = False
        if not alive:
            self.lost += not self._done.is_set()
            client.close()

    def _sender(self) -> socket.socket:
        head = f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {BODY}\r\n\r\nx"
        return self._open(head.encode(), 0)

    def _reader(self) -> socket.socket:
        return self._open(b"GET /big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", READER_WINDOW)

    def _open(self, request: bytes, window: int) -> socket.socket:
        client = socket.socket()
        if window:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.settimeout(5)
        try:
            client.connect(("127.0.0.1", self.port))
            client.sendall(request)
        except OSError:
            self.lost += 1
            client.close()
            return client
        client.setblocking(False)
        return client


class SlowViews(_Thread):
    """At most `count` requests of the slow view at any moment; each client asks again at once."""

    def __init__(self, port: int, count: int) -> None:
        super().__init__(port)
        self.answered = 0
        self.errors = 0
        self._count = count

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for _ in range(self._count):
                self._open(selector)
            while not self._done.is_set():
                for key, _ in selector.select(0.05):
                    self._receive(selector, key)
            # What is asleep would still hold its thread when the next round begins.
            for key in list(selector.get_map().values()):
                client = _socket_of(key)
                with suppress(OSError):
                    client.settimeout(1)
                    client.recv(65536)
                client.close()

    def _receive(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        """Collect an answer; ask again when it is whole, if need be on a new connection."""
        client, so_far = _socket_of(key), key.data
        more = b""
        with suppress(OSError):
            more = client.recv(65536)
        so_far += more
        whole = so_far.endswith(b"Hello, World!")
        self.answered += whole
        if more and not whole:
            selector.modify(client, selectors.EVENT_READ, so_far)
        elif not whole or b"\r\nconnection: close" in so_far.lower():
            self.errors += not whole
            selector.unregister(client)
            client.close()
            self._open(selector)
        else:
            selector.modify(client, selectors.EVENT_READ, b"")
            self._ask(client)

    def _open(self, selector: selectors.BaseSelector) -> None:
        try:
            client = socket.create_connection(("127.0.0.1", self.port), 5)
        except OSError:
            self.errors += 1
            return
        selector.register(client, selectors.EVENT_READ, b"")
        self._ask(client)

    def _ask(self, client: socket.socket) -> None:
        with suppress(OSError):  # a connection that fails here fails again, and is counted, on read
            client.sendall(f"GET /slow HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())


def _socket_of(key: selectors.SelectorKey) -> socket.socket:
    if not isinstance(key.fileobj, socket.socket):
        raise TypeError(key.fileobj)
    return key.fileobj


def _dribble(client: socket.socket) -> int:
    return client.send(b"x")


def _sip(client: socket.socket) -> int:
    return len(client.recv(SIP))


def settle(seconds: float = 0.5) -> None:
    """Let a server finish what it does after a crowd has arrived, before its memory is read."""
    time.sleep(seconds)
