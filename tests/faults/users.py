"""The program that is the load: users that ask, check every answer, and count what went wrong.

Some keep their connection, some come with a new one each time; every other request has a body. It
runs until its standard input ends (or its bounds are reached), then prints one line of JSON. A user
behaves as RFC 9112 section 9.3 wants it: a kept connection that has ended is noticed before it is
used again. What ends after the request was sent is a loss.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import socket
import struct
import sys
import termios
import threading
import time
from dataclasses import dataclass, replace

#: Seconds: when a user gives up on an answer (earlier than a test does on the load, so that it is
#: told), and when the whole load ends by itself.
PATIENCE = 60.0
LONGEST = 200.0
#: Seconds between two requests of one user.
PACE = 0.004
#: Seconds that a user stays away after a refused connection.
REFUSED_PAUSE = 0.02
MOST = 50_000
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)
LENGTH = re.compile(rb"(?im)^Content-Length: (\d+)\r?$")
CLOSE = re.compile(rb"(?im)^Connection: close\r?$")


class LostError(Exception):
    """A request without its answer: `kind` is what the client saw instead."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Kind:
    """What a user does."""

    port: int
    #: Added to each target.
    query: str
    #: Keeps its connection.
    keeps: bool
    #: Every other request has a body.
    bodies: bool


class User(threading.Thread):
    """One user on one connection after the other."""

    def __init__(self, name: str, kind: Kind, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.statuses: dict[int, int] = {}
        self.losses: list[dict[str, object]] = []
        self.slowest = 0.0
        #: Kept connections that the server ended while they were idle: with a FIN, with a reset.
        self.renewed = 0
        self.renewed_after_reset = 0
        self.answered = threading.Event()
        self._name = name
        self._kind = kind
        self._stop_asked = stop
        self._connection: socket.socket | None = None
        self._peer = ""
        self._reused = False

    def run(self) -> None:
        """Ask until told to stop."""
        end = time.monotonic() + LONGEST
        for number in range(MOST):
            if self._stop_asked.wait(PACE) or time.monotonic() > end:
                break
            has_body = self._kind.bodies and number % 2
            self._ask(f"{self._name}.{number}", b"x" * 2000 if has_body else b"")
        self._close()

    def _ask(self, name: str, body: bytes) -> None:
        target = f"/load?n={name}{self._kind.query}"
        began = time.monotonic()
        try:
            status, closes = self._exchange(target, body, f"{name} {len(body)}".encode())
        except LostError as loss:
            self._close()
            self.losses.append(
                {
                    "kind": loss.kind,
                    "target": target,
                    "peer": self._peer,
                    "reused": self._reused,
                    "after": round(time.monotonic() - began, 4),
                }
            )
            if loss.kind == "refused":
                time.sleep(REFUSED_PAUSE)
            return
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.answered.set()
        if closes or not self._kind.keeps:
            self._close()

    def _exchange(self, target: str, body: bytes, expected: bytes) -> tuple[int, bool]:
        connection = self._connected()
        lines = [f"{'POST' if body else 'GET'} {target} HTTP/1.1", "Host: localhost"]
        lines += [f"Content-Length: {len(body)}"] if body else []
        lines += [] if self._kind.keeps else ["Connection: close"]
        try:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
            if body:
                # A packet of its own: a server can be told to stop between the two.
                connection.sendall(body)
            return self._answer(connection, expected)
        except TimeoutError as error:
            raise LostError("timeout") from error
        except (ConnectionResetError, BrokenPipeError) as error:
            raise LostError("reset") from error

    def _connected(self) -> socket.socket:
        """The kept connection if it still stands, or a new one."""
        self._reused = self._connection is not None and self._stands(self._connection)
        if self._connection is not None and self._reused:
            return self._connection
        self._close()
        self._peer = ""
        try:
            connection = socket.create_connection(("127.0.0.1", self._kind.port), PATIENCE)
        except ConnectionRefusedError as error:
            raise LostError("refused") from error
        except ConnectionResetError as error:
            raise LostError("reset") from error
        except TimeoutError as error:
            raise LostError("timeout") from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peer = "{}:{}".format(*connection.getsockname())
        self._connection = connection
        return connection

    def _stands(self, connection: socket.socket) -> bool:
        if not select.select([connection], [], [], 0)[0]:
            return True
        try:
            if connection.recv(1):
                raise LostError("wrong")
            self.renewed += 1
        except ConnectionResetError:
            self.renewed_after_reset += 1
        return False

    def _answer(self, connection: socket.socket, expected: bytes) -> tuple[int, bool]:
        data = b""
        while not (head := HEAD.match(data)):
            data += self._more(connection, data)
        length = LENGTH.search(head.group(2))
        if length is None:
            raise LostError("wrong")
        whole = head.end() + int(length.group(1))
        while len(data) < whole:
            data += self._more(connection, data)
        status = int(head.group(1))
        if len(data) > whole or (status == 200 and data[head.end() :] != expected):
            raise LostError("wrong")
        return status, CLOSE.search(head.group(2)) is not None

    def _more(self, connection: socket.socket, data: bytes) -> bytes:
        more = connection.recv(65536)
        if not more:
            # The end came before the request was sent: the reset that answered it comes after the
            # FIN, as an error that recv() does not tell of, or is still on its way. The request
            # was not read: not even the kernel has acknowledged it.
            late = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
            unsent = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))
            late = late or struct.unpack("i", unsent) != (0,)
            raise LostError("reset" if late else "cut short" if data else "closed")
        return more

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def give_up(failure: threading.ExceptHookArgs) -> None:
    """A user that dies of a mistake in this file must not look like one that saw nothing."""
    sys.excepthook(failure.exc_type, failure.exc_value or failure.exc_type(), None)
    os._exit(1)


def main(kind: Kind, keeping: int, fresh: int) -> None:
    """Run the users until standard input ends; say when each of them has had an answer."""
    threading.excepthook = give_up
    stop = threading.Event()
    users = [
        User(str(number), replace(kind, keeps=number < keeping), stop)
        for number in range(keeping + fresh)
    ]
    for user in users:
        user.start()
    for user in users:
        user.answered.wait(PATIENCE)
    print("under way", flush=True)
    sys.stdin.read()
    stop.set()
    for user in users:
        user.join(PATIENCE)
    statuses: dict[int, int] = {}
    for user in users:
        for status, count in user.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    told = {
        "statuses": statuses,
        "losses": [loss for user in users for loss in user.losses],
        "slowest": max(user.slowest for user in users),
        "renewed": sum(user.renewed for user in users),
        "renewed_after_reset": sum(user.renewed_after_reset for user in users),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    port, keeping, fresh, bodies, query = sys.argv[1:]
    kind = Kind(int(port), query, keeps=True, bodies=bodies == "bodies")
    main(kind, int(keeping), int(fresh))
