"""Clients of the master: which makes room, what follows a failed accept() and a bug."""

from __future__ import annotations

import errno
import logging
import select
import socket
import time
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.glogging import Logger
from licorne.master.clients import MOST_CLIENTS, REST, Clients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Lines(logging.Handler):
    """What the log was told, with tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.text += self.format(record) + "\n"


class Host:
    """As much of a master as clients need."""

    def __init__(self) -> None:
        self.log = Logger(Config())
        self.said = Lines()
        self.log.error_log.addHandler(self.said)
        self.watched: dict[int, Callable[[int], None]] = {}

    def watch(self, fd: int, react: Callable[[int], None], _mask: int = 0) -> None:
        """Note what is called for the descriptor."""
        self.watched[fd] = react

    def unwatch(self, fd: int) -> None:
        """Forget it."""
        del self.watched[fd]


class Listener:
    """A listening socket whose next accept() may fail."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.failure: OSError | None = None

    def fileno(self) -> int:
        """The descriptor."""
        return self.sock.fileno()

    def accept(self) -> tuple[socket.socket, object]:
        """The next client."""
        if self.failure is not None:
            raise self.failure
        return self.sock.accept()


class Connection:
    """A connection that says nothing by itself."""

    wants = select.POLLIN
    count = 0

    def __init__(self, sock: socket.socket) -> None:
        Connection.count += 1
        self.sock = sock
        self.closed = False
        self.since = float(Connection.count)
        self.deadline = time.monotonic() + 100

    def react(self, _mask: int) -> None:
        """What is received is a mistake."""
        raise LookupError(self.sock.recv(100))

    def expire(self) -> None:
        """Go."""
        self.closed = True


class Place:
    """Clients with their host and listener."""

    def __init__(self, sock: socket.socket) -> None:
        self.host = Host()
        self.listener = Listener(sock)
        self.stranger = False
        self.clients = Clients(self.host, "Desk", self.admit)
        self.clients.open(self.listener)

    def admit(self, sock: socket.socket) -> Connection | None:
        """Serve every client but strangers."""
        return None if self.stranger else Connection(sock)

    def client(self) -> socket.socket:
        """A client that has been accepted."""
        made = socket.create_connection(self.listener.sock.getsockname(), 20)
        self.host.watched[self.listener.fileno()](select.POLLIN)
        return made


@pytest.fixture
def place() -> Iterator[Place]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        made = Place(sock)
        yield made
        made.clients.dismiss()
        made.clients.shut()
        assert made.host.watched == {}
    made.host.log.error_log.removeHandler(made.host.said)


def test_the_client_that_is_silent_for_longest_makes_room(place: Place) -> None:
    clients = [place.client() for _ in range(MOST_CLIENTS + 1)]
    assert clients[0].recv(1) == b""
    assert len(place.host.watched) == MOST_CLIENTS + 1
    for each in clients:
        each.close()


def test_a_stranger_takes_no_room(place: Place) -> None:
    clients = [place.client() for _ in range(MOST_CLIENTS)]
    place.stranger = True
    with place.client() as stranger:
        assert stranger.recv(1) == b""
    assert len(place.host.watched) == MOST_CLIENTS + 1
    for each in clients:
        each.close()


def test_a_bug_costs_one_client(place: Place) -> None:
    with place.client() as client, place.client():
        first = next(fd for fd in place.host.watched if fd != place.listener.fileno())
        client.send(b"what")
        place.host.watched[first](select.POLLIN)
        assert client.recv(1) == b""
        assert len(place.host.watched) == 2
    said = place.host.said.text
    assert "Desk: a client was sent away" in said
    assert "LookupError: b'what'" in said


def test_a_client_whose_time_is_over_goes(place: Place) -> None:
    with place.client() as client:
        now = time.monotonic()
        assert 80 < (place.clients.wake_after(now) or 0) <= 100
        place.clients.look_after(now)
        assert len(place.host.watched) == 2
        place.clients.look_after(now + 101)
        assert client.recv(1) == b""
    assert place.clients.wake_after(now) is None


def test_a_failed_accept_is_told_once_and_rests(place: Place) -> None:
    accept = place.host.watched[place.listener.fileno()]
    place.listener.failure = OSError(errno.EMFILE, "Too many open files")
    for _ in range(2):
        accept(select.POLLIN)
        assert place.host.watched == {}
        now = time.monotonic()
        assert 0 < (place.clients.wake_after(now) or 0) <= REST
        place.clients.look_after(now + REST)
    assert place.host.said.text.count("Desk: a client cannot be served") == 1
    place.listener.failure = None
    place.client().close()
    assert len(place.host.watched) == 2


def test_a_forked_process_lets_go(place: Place) -> None:
    with place.client() as client:
        watched = dict(place.host.watched)
        place.clients.leave()
        assert client.recv(1) == b""
        assert place.host.watched == watched
    place.host.watched.clear()
