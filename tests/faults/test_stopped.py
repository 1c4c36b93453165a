"""Processes that stand still, and clocks that jump."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from faults.ledger import check_named
from faults.load import Load
from faults.processes import children, ended, eventually, state

if TYPE_CHECKING:
    from faults.conftest import Start


@pytest.mark.patient
def test_a_worker_that_stands_still_is_replaced(start: Start) -> None:
    server = start("--timeout", "1")
    victim = children(server.pid)[0]
    with Load(server.port, bodies=False) as load:
        os.kill(victim, signal.SIGSTOP)
        ended(victim)
        server.output.wait_for("worker ready", 3)
    server.log.wait_for(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{victim}\)")
    server.log.wait_for(rf"Worker \(pid:{victim}\) was sent SIGKILL!")
    print(load.tally)
    assert set(load.tally.statuses) == {200}
    # The kernel ends its connections when it is killed; the other worker loses nothing.
    assert set(load.tally.kinds) <= {"reset", "closed"}
    check_named(server, load.tally, dead=1)
    eventually(lambda: len(children(server.pid)) == 2, "two workers")


def test_a_master_that_stands_still_is_not_missed(start: Start) -> None:
    server = start()
    workers = children(server.pid)
    with Load(server.port) as load:
        os.kill(server.pid, signal.SIGSTOP)
        eventually(lambda: state(server.pid) == "T", "stopped")
        # A signal waits meanwhile, and a worker ends behind the master's back.
        server.send(signal.SIGHUP)
        os.kill(workers[0], signal.SIGTERM)
        eventually(lambda: state(workers[0]) == "Z", "ended, not reaped")
        server.send(signal.SIGCONT)
        ended(workers[1])
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(server.pid)) == 2, "two workers")
    assert not server.log.matching("WORKER TIMEOUT")


@pytest.mark.patient
def test_workers_are_not_ended_for_a_time_in_which_all_processes_were_stopped(start: Start) -> None:
    """A suspended machine, a frozen container: all clocks have moved on when it goes on."""
    server = start("--timeout", "1")
    pids = [server.pid, *children(server.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: {state(pid) for pid in pids} == {"T"}, "all stand still")
    # Longer than `timeout`, and than the master ever rests; nothing happens, so it is no event.
    time.sleep(3.5)
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
    with Load(server.port) as load:
        server.send(signal.SIGUSR1)
        server.log.wait_for("Handling signal: usr1")
    load.tally.check_nothing_lost()
    assert children(server.pid) == pids[1:]
    assert not server.log.matching("WORKER TIMEOUT")
