"""Sets of sockets with SO_REUSEPORT: who comes where, and what is closed."""

from __future__ import annotations

import socket
import tempfile
from typing import TYPE_CHECKING

import pytest

from licorne import sock
from licorne.config import Config
from licorne.glogging import Logger
from licorne.master.reuseport import Places, choose

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def short_tmp() -> Iterator[str]:
    """A folder with a short name: socket paths have room for about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield folder


@pytest.fixture
def places() -> Iterator[Places]:
    cfg = Config()
    cfg.set("bind", ["127.0.0.1:0", "127.0.0.1:0"])
    cfg.set("reuse_port", True)
    log = Logger(cfg)
    made = Places(sock.create_sockets(cfg, log), cfg, log)
    yield made
    sock.close_sockets(made.all())


@pytest.mark.parametrize(
    ("wanted", "staying", "leaving", "opened", "place"),
    [
        # The first start.
        (2, [], [], [0], 0),
        (2, [0], [], [0], 1),
        # One has died: its sockets wait for the next.
        (3, [0, 2], [], [0, 1, 2], 1),
        (3, [1, 2], [], [1, 2], 0),
        # A reload: each new one beside the one that goes next.
        (2, [], [1, 0], [0, 1], 1),
        (2, [1], [0], [0, 1], 0),
        # A whole generation at once.
        (3, [0, 1], [0, 1, 2], [0, 1, 2], 2),
        # More than there are places to go.
        (1, [0], [], [0], 0),
        (0, [], [], [0], 0),
    ],
)
def test_where_the_next_worker_comes(
    wanted: int, staying: list[int], leaving: list[int], opened: list[int], place: int
) -> None:
    assert choose(wanted, staying, leaving, opened) == place


def test_each_set_listens_at_the_same_addresses(places: Places) -> None:
    first, second = places[0], places[1]
    assert [each.getsockname() for each in first] == [each.getsockname() for each in second]
    assert not {each.fileno() for each in first} & {each.fileno() for each in second}
    assert len(places.all()) == 4


def test_what_nobody_serves_is_closed(places: Places) -> None:
    for number in (0, 1, 2):
        assert len(places[number]) == 2
    # One has died and will be replaced.
    places.settle(3, {0, 2})
    assert [*places] == [0, 1, 2]
    # The oldest leaves for good.
    gone = places[0]
    places.settle(2, {1, 2})
    assert [*places] == [1, 2]
    assert [each.sock.fileno() for each in gone] == [-1, -1]
    assert places.first() == places[1]


def test_a_set_listens_when_its_worker_is_ready(places: Places) -> None:
    listens = [each.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for each in places[1]]
    assert listens == [0, 0]
    for each in (*places[0], *places[1]):
        each.begin()
        assert each.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def test_a_unix_socket_is_in_every_set(short_tmp: str) -> None:
    cfg = Config()
    cfg.set("bind", ["127.0.0.1:0", f"unix:{short_tmp}/s"])
    cfg.set("reuse_port", True)
    log = Logger(cfg)
    places = Places(sock.create_sockets(cfg, log), cfg, log)
    (tcp, unix), (other, same) = places[0], places[1]
    assert unix is same
    assert tcp is not other
    assert places.all() == [tcp, unix, other]
    # As another master finds them.
    found = Places([tcp, unix, other], cfg, log)
    assert [*found] == [0, 1]
    assert found[1] == [other, unix]
    places.settle(1, {1})
    assert tcp.sock.fileno() == -1
    assert unix.sock.fileno() != -1
    sock.close_sockets(places.all())


def test_one_set_stays_while_nobody_is_wanted(places: Places) -> None:
    places.settle(0, set())
    assert [*places] == [0]
    name = places[0][0].getsockname()
    assert isinstance(name, tuple)
    with socket.create_connection(name):
        pass
