"""TTIN and TTOU, one by one and in storms: the number is right, nothing is lost."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from faults.load import Load
from faults.processes import children, eventually, open_as_at_first, open_at_first, zombies

if TYPE_CHECKING:
    from e2e.server import Server
    from faults.conftest import Start


def test_up_and_down(start: Start) -> None:
    server = start(workers=1)
    before = open_at_first(server)
    with Load(server.port) as load:
        for _ in range(3):
            for number in (2, 3, 4):
                server.send(signal.SIGTTIN)
                # A signal that comes before the last one was taken is one signal (signal(7)).
                reaches(server, number)
            for number in (3, 2, 1):
                server.send(signal.SIGTTOU)
                reaches(server, number)
    load.tally.check_nothing_lost()
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")
    open_as_at_first(server, before)


def test_two_hundred_signals_at_once(start: Start) -> None:
    server = start(workers=1)
    with Load(server.port) as load:
        for _ in range(100):
            server.send(signal.SIGTTIN)
            server.send(signal.SIGTTOU)
        # Signals of the storm may still wait to be taken: TTOU is sent for as long as more than one
        # is wanted, and stops at one.
        eventually(lambda: one_is_left(server), "1 worker")
    load.tally.check_nothing_lost()
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")


def one_is_left(server: Server) -> bool:
    """Whether one worker is wanted and there; if more are wanted, one fewer from now on."""
    if wanted(server) > 1:
        server.send(signal.SIGTTOU)
        return False
    return len(children(server.pid)) == 1


def reaches(server: Server, number: int) -> None:
    """Wait until there are so many workers."""
    eventually(lambda: len(children(server.pid)) == number, f"{number} workers")


def wanted(server: Server) -> int:
    """The number of workers that the signals which were taken ask for."""
    number = 1
    for line in server.log.matching("Handling signal: tt"):
        number = number + 1 if line.endswith("ttin") else max(1, number - 1)
    return number
