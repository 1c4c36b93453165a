"""All signals at random under load: at the end the wanted number serves, and nothing has leaked."""

from __future__ import annotations

import os
import random
import signal
from typing import TYPE_CHECKING

import pytest

from faults.load import Load
from faults.processes import children, ended, eventually, open_as_at_first, open_at_first, zombies

if TYPE_CHECKING:
    from faults.conftest import Start

MASTER = [signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1]
WORKER = [signal.SIGTERM, signal.SIGUSR1, signal.SIGWINCH]
ROUNDS = 120


@pytest.mark.patient
@pytest.mark.parametrize("seed", [1, 2])
def test_signals_at_random(start: Start, seed: int) -> None:
    server = start()
    before = open_at_first(server)
    chance = random.Random(seed)
    with Load(server.port) as load:
        for number in range(ROUNDS):
            workers = children(server.pid)
            if chance.random() < 0.25 and workers:
                send(chance.choice(workers), chance.choice(WORKER))
            else:
                # Never more than a few workers: this machine is not the only thing tested on it.
                few = len(workers) < 6
                server.send(chance.choice(MASTER if few else [signal.SIGTTOU, signal.SIGHUP]))
            server.send(signal.SIGUSR1)
            server.log.wait_for("Handling signal: usr1", number // 4 + 1)
        # Of signals that wait together, the one with the highest number is handled last: once this
        # one is, no TTIN or TTOU comes after the HUP that sets the configured number again.
        server.send(signal.SIGWINCH)
        server.log.wait_for("Handling signal: winch")
        last = children(server.pid)
        server.send(signal.SIGHUP)
        for pid in last:
            ended(pid)
        eventually(lambda: len(children(server.pid)) == 2, "two workers")
    load.tally.check_nothing_lost()
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")
    open_as_at_first(server, before)


def send(pid: int, number: signal.Signals) -> None:
    """To a worker that may have gone meanwhile; the pid is not used again that soon."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        assert pid not in children(os.getpid())
