"""USR2 under load: another master takes the sockets over, and no client notices."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from faults.load import Load
from faults.processes import children, ended, eventually

if TYPE_CHECKING:
    from e2e.server import Server
    from faults.conftest import Start


def upgraded(server: Server, ready: int = 4) -> int:
    """The new master, once its workers serve too: so many have come to serve then."""
    before = children(server.pid)
    server.send(signal.SIGUSR2)
    server.ready(ready)
    (successor,) = [pid for pid in children(server.pid) if pid not in before]
    return successor


def test_a_new_master_takes_over(start: Start) -> None:
    server = start()
    with Load(server.port) as load:
        successor = upgraded(server)
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        server.log.wait_for(rf"\[{successor}\] \[INFO\] Master has been promoted\.")
        workers = children(successor)
        os.kill(successor, signal.SIGHUP)
        for pid in workers:
            ended(pid)
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(successor)) == 2, "two workers")
    os.kill(successor, signal.SIGTERM)
    ended(successor)


def test_a_new_master_that_is_given_up(start: Start) -> None:
    """The way back: the old one has served all the time."""
    server = start()
    old = children(server.pid)
    with Load(server.port) as load:
        successor = upgraded(server)
        os.kill(successor, signal.SIGTERM)
        ended(successor)
    load.tally.check_nothing_lost()
    eventually(lambda: children(server.pid) == old, "the old workers alone")
