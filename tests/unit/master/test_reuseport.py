"""Sets of sockets with SO_REUSEPORT: which worker gets which, and what is closed."""

from __future__ import annotations

import socket
import tempfile
from typing import TYPE_CHECKING

import pytest

from licorne import sock
from licorne.config import Config
from licorne.glogging import Logger
from licorne.master.reuseport import SocketSets, choose

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def short_tmp() -> Iterator[str]:
    """A folder with a short name: socket paths have room for about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield folder


@pytest.fixture
def sets() -> Iterator[SocketSets]:
    cfg = Config()
    cfg.set("bind", ["127.0.0.1:0", "127.0.0.1:0"])
    cfg.set("reuse_port", True)
    log = Logger(cfg)
    made = SocketSets(sock.create_sockets(cfg, log), cfg, log)
    yield made
    sock.close_sockets(made.all())


@pytest.mark.parametrize(
    ("wanted", "staying", "leaving", "opened", "number"),
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
        # More workers than sets.
        (1, [0], [], [0], 0),
        (0, [], [], [0], 0),
    ],
)
def test_the_set_of_the_next_worker(
    wanted: int, staying: list[int], leaving: list[int], opened: list[int], number: int
) -> None:
    assert choose(wanted, staying, leaving, opened) == number


def test_each_set_listens_at_the_same_addresses(sets: SocketSets) -> None:
    first, second = sets[0], sets[1]
    assert [each.getsockname() for each in first] == [each.getsockname() for each in second]
    assert not {each.fileno() for each in first} & {each.fileno() for each in second}
    assert len(sets.all()) == 4


def test_a_set_without_a_worker_is_closed(sets: SocketSets) -> None:
    for number in (0, 1, 2):
        assert len(sets[number]) == 2
    # One has died and will be replaced.
    sets.settle(3, {0, 2})
    assert [*sets] == [0, 1, 2]
    # The oldest leaves for good.
    gone = sets[0]
    sets.settle(2, {1, 2})
    assert [*sets] == [1, 2]
    assert [each.sock.fileno() for each in gone] == [-1, -1]
    assert sets.first() == sets[1]


def test_a_set_listens_when_its_worker_is_ready(sets: SocketSets) -> None:
    listens = [each.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) for each in sets[1]]
    assert listens == [0, 0]
    for each in (*sets[0], *sets[1]):
        each.begin()
        assert each.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1


def test_a_unix_socket_is_in_every_set(short_tmp: str) -> None:
    cfg = Config()
    cfg.set("bind", ["127.0.0.1:0", f"unix:{short_tmp}/s"])
    cfg.set("reuse_port", True)
    log = Logger(cfg)
    sets = SocketSets(sock.create_sockets(cfg, log), cfg, log)
    (tcp, unix), (other, same) = sets[0], sets[1]
    assert unix is same
    assert tcp is not other
    assert sets.all() == [tcp, unix, other]
    # As another master finds them.
    found = SocketSets([tcp, unix, other], cfg, log)
    assert [*found] == [0, 1]
    assert found[1] == [other, unix]
    sets.settle(1, {1})
    assert tcp.sock.fileno() == -1
    assert unix.sock.fileno() != -1
    sock.close_sockets(sets.all())


def test_one_set_stays_while_no_worker_is_wanted(sets: SocketSets) -> None:
    sets.settle(0, set())
    assert [*sets] == [0]
    name = sets[0][0].getsockname()
    assert isinstance(name, tuple)
    with socket.create_connection(name):
        pass
