"""The end of a server, under load: asked for, and by force."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from faults.load import FRESH, Load
from faults.processes import children, ended

if TYPE_CHECKING:
    from faults.conftest import Start


@pytest.mark.parametrize("way", ["", "--preload", "--reuse-port"])
def test_a_stop_answers_what_was_begun(start: Start, way: str) -> None:
    server = start(*way.split())
    with Load(server.port, query="&seconds=0.02") as load:
        server.send(signal.SIGTERM)
        assert server.wait() == 0
    load.tally.check_stopped(FRESH)


def test_workers_leave_when_the_master_was_killed(start: Start) -> None:
    """They answer what they have begun; then the address is free for another server."""
    server = start()
    workers = children(server.pid)
    port = server.port
    with Load(port, query="&seconds=0.02") as load:
        os.kill(server.pid, signal.SIGKILL)
        for pid in workers:
            ended(pid)
    load.tally.check_stopped(FRESH)
    successor = start(bind=(f"127.0.0.1:{port}",))
    assert successor.get("/load?n=1") == (200, b"1 0")
    assert not successor.log.matching("Connection in use")
