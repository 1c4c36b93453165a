"""Overload: an open loop asks for more than the server can do, whatever it answers meanwhile.

Each request is sent when it is due, on a connection that waits for no answer; a new one is made
when there is none. Times count from the moment that a request was due.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field

from bench.load import LoadError

#: Connections at most; a server that answers nothing is given up then.
MOST = 2000
#: Seconds that the last answers may take.
REST = 5.0


@dataclass
class Answers:
    """Times in ms, by what the answer was; sorted by `at`."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    errors: int = 0


def at(samples: list[float], share: float) -> float:
    """The percentile as a share of 1; -1, which a table shows as nothing, of nothing."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else -1.0


class OpenLoop:
    """Asks for a path at a fixed rate."""

    def __init__(self, port: int, path: str) -> None:
        self._address = ("127.0.0.1", port)
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self._selector = selectors.DefaultSelector()
        self._free: deque[socket.socket] = deque()
        #: When the request of a connection was due, and what has come of its answer.
        self._asked: dict[socket.socket, tuple[float, bytes]] = {}
        self.seen = Answers()

    def run(self, rate: int, seconds: float) -> Answers:
        """Send for so long, then wait for the last answers."""
        start = time.monotonic()
        planned = int(rate * seconds)
        sent = 0
        end = start + seconds + REST
        while time.monotonic() < end and (sent < planned or self._asked):
            due = start + sent / rate
            now = time.monotonic()
            if sent < planned and due <= now:
                self._ask(due)
                sent += 1
                continue
            self._receive(min(end, due if sent < planned else end) - now)
        self.seen.errors += len(self._asked) + planned - sent
        for connection in (*self._free, *self._asked):
            connection.close()
        self._selector.close()
        return self.seen

    def _ask(self, due: float) -> None:
        connection = self._free.popleft() if self._free else self._connect()
        self._asked[connection] = (due, b"")
        try:
            connection.sendall(self._request)
        except OSError:
            self._lose(connection)

    def _connect(self) -> socket.socket:
        if len(self._asked) >= MOST:
            raise LoadError(f"{MOST} requests are not answered")
        connection = socket.create_connection(self._address, 5)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        return connection

    def _receive(self, wait: float) -> None:
        for key, _ in self._selector.select(max(0.0, wait)):
            connection = key.fileobj
            if not isinstance(connection, socket.socket):
                raise TypeError(connection)
            self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
        except OSError:
            data = b""
        asked = self._asked.get(connection)
        if not data:
            self._lose(connection)
        elif asked is not None:
            due, before = asked
            self._asked[connection] = (due, before + data)
            self._take(connection, due, before + data)

    def _take(self, connection: socket.socket, due: float, answer: bytes) -> None:
        """An answer, once it is whole."""
        head, end, body = answer.partition(b"\r\n\r\n")
        fields = head.lower()
        length = fields.partition(b"content-length:")[2].split(None, 1)
        if not end or not length or len(body) < int(length[0]):
            return
        took = (time.monotonic() - due) * 1000
        status = answer[9:12]
        if status == b"200":
            self.seen.accepted.append(took)
        elif status == b"503":
            self.seen.refused.append(took)
        else:
            self.seen.errors += 1
        del self._asked[connection]
        if b"\r\nconnection: close" in fields:
            self._close(connection)
        else:
            self._free.append(connection)

    def _lose(self, connection: socket.socket) -> None:
        """A connection has ended: an error, if it owed an answer."""
        if self._asked.pop(connection, None) is not None:
            self.seen.errors += 1
        elif connection in self._free:
            self._free.remove(connection)
        self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()


def overloaded(
    port: int, path: str, capacity: int, limit: float, seconds: float
) -> dict[str, float]:
    """The figures of a server with `limit` seconds of queue: at a third of what it can do, then at
    three times that."""
    calm = OpenLoop(port, path).run(max(1, capacity // 3), seconds)
    seen = OpenLoop(port, path).run(3 * capacity, seconds)
    return {
        "accepted p99 ms": at(seen.accepted, 0.99),
        "unloaded p99 ms": at(calm.accepted, 0.99),
        "accepted/s": len(seen.accepted) / seconds,
        "503 p99 late ms": at(seen.refused, 0.99) - limit * 1000,
        "503/s": len(seen.refused) / seconds,
        "errors": float(seen.errors + calm.errors),
    }
