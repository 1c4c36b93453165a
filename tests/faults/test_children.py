"""Applications with child processes of their own: nothing of the server's sticks to them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from e2e.server import open_gate
from faults.load import Load
from faults.processes import children, descriptors, ended, eventually, zombies

if TYPE_CHECKING:
    from faults.conftest import Start


def test_a_child_tells_its_exit_status_to_the_application(start: Start) -> None:
    """The master reaps, but only what is its own."""
    server = start()
    for code in (0, 7):
        assert server.get(f"/run?code={code}") == (200, str(code).encode())


def test_a_program_inherits_nothing(start: Start, fifo: str) -> None:
    server = start(workers=1)
    status, body = server.get(f"/spawn?fifo={fifo}")
    assert status == 200
    held = descriptors(int(body))
    open_gate(fifo)
    ended(int(body))
    assert [each for each in held if each.startswith(("socket:", "anon_inode:"))] == []


def test_a_child_that_stays_keeps_neither_worker_nor_server(start: Start, fifo: str) -> None:
    server = start(workers=1)
    (first,) = children(server.pid)
    status, body = server.get(f"/fork?fifo={fifo}")
    assert status == 200
    child = int(body)
    try:
        with Load(server.port) as load:
            server.send(signal.SIGHUP)
            ended(first)
        load.tally.check_nothing_lost()
        assert server.stop(signal.SIGTERM) == 0
    finally:
        # Its end is the application's business; here it is the test's.
        os.kill(child, signal.SIGKILL)
        ended(child)


def test_a_worker_that_is_killed_leaves_its_child_to_process_one(start: Start, fifo: str) -> None:
    """Unless process 1 is the master itself, or it takes in orphans: then it reaps them."""
    server = start(workers=1)
    (first,) = children(server.pid)
    _, body = server.get(f"/fork?fifo={fifo}")
    os.kill(first, signal.SIGKILL)
    server.output.wait_for("worker ready", 2)
    open_gate(fifo)
    ended(int(body))
    assert server.get("/load?n=1") == (200, b"1 0")
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")
