"""Which set of sockets a worker gets while the planner does not know of the one before it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from licorne.config import Config
from licorne.glogging import Logger
from licorne.master.listeners import Listeners
from licorne.supervisor import events
from licorne.supervisor.plan import plan
from licorne.supervisor.roster import Policy, Roster, begin
from licorne.system.upgrade import Inheritance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.workers.base import Worker


class Forked:
    """What is asked of a worker here."""

    def __init__(self, socket_set: int) -> None:
        self.pid: int | str = "[booting]"
        self.socket_set = socket_set


class Server:
    """A master's sockets with its roster."""

    def __init__(self) -> None:
        cfg = Config()
        cfg.set("bind", "127.0.0.1:0")
        cfg.set("reuse_port", True)
        self.listeners = Listeners(Logger(cfg))
        self.listeners.open(cfg, Inheritance(0, (), ()))
        self.workers: dict[int, Worker] = {}
        policy = Policy(workers=2, timeout=30.0, graceful_timeout=30.0)
        self.roster: Roster = plan(begin(policy), events.Tick(), 1.0).roster

    def begin(self) -> Worker:
        """A worker that is to be forked, with its set."""
        number, sockets = self.listeners.for_next(self.roster, self.workers)
        assert len(sockets) == 1
        worker = cast("Worker", Forked(number))
        self.listeners.expect(worker)
        return worker

    def fork(self, worker: Worker, pid: int) -> None:
        """It is there; the planner hears of it later."""
        worker.pid = pid
        self.workers[pid] = worker

    def tell(self, pid: int) -> None:
        """The planner hears of it."""
        self.roster = plan(self.roster, events.Spawned(pid), 1.0).roster


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listeners.close(unlink=True)


def test_each_of_two_that_are_forked_in_a_row_gets_its_own(server: Server) -> None:
    first = server.begin()
    server.fork(first, 11)
    second = server.begin()
    server.fork(second, 12)
    assert (first.socket_set, second.socket_set) == (0, 1)
    server.tell(11)
    server.tell(12)
    server.listeners.settle(server.roster, server.workers)
    assert len(server.listeners.all()) == 2


def test_one_that_a_mold_has_yet_to_fork_keeps_its_set(server: Server) -> None:
    first, second = server.begin(), server.begin()
    assert (first.socket_set, second.socket_set) == (0, 1)
    server.listeners.settle(server.roster, server.workers)
    assert len(server.listeners.all()) == 2
    # It will not come: the next one gets what it had.
    server.listeners.forget(first)
    assert server.begin().socket_set == 0


def test_one_that_has_ended_keeps_nothing(server: Server) -> None:
    first = server.begin()
    server.fork(first, 11)
    server.tell(11)
    del server.workers[11]
    server.roster = plan(server.roster, events.ChildExited(11, code=1), 2.0).roster
    assert server.begin().socket_set == 0
