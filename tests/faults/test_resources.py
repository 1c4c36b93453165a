"""No room: a disk that is full, a process without descriptors."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from faults.load import Load
from faults.processes import children, ended

if TYPE_CHECKING:
    from faults.conftest import Start

#: Starts licorne with room for this many descriptors in each process.
FEW = 48
LIMITED = f"""
import resource, runpy
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW}))
runpy.run_module("licorne", run_name="__main__", alter_sys=True)
"""
#: With its log on a full disk the server cannot tell its port there.
TELL = """
def when_ready(server):
    os.write(1, f"port {server.LISTENERS[0].getsockname()[1]}\\n".encode())
"""


def test_logs_on_a_full_disk(start: Start) -> None:
    logs = ("--error-logfile", "/dev/full", "--access-logfile", "/dev/full")
    server = start(*logs, config=TELL)
    port = int(server.output.wait_for(r"port (\d+)").group(1))
    workers = children(server.pid)
    with Load(port) as load:
        server.send(signal.SIGUSR1)
        server.send(signal.SIGHUP)
        for pid in workers:
            ended(pid)
        server.output.wait_for("worker ready", 4)
    load.tally.check_nothing_lost()
    assert server.stop(signal.SIGTERM) == 0
    # A log that cannot be written must not flood another one.
    assert len(server.log.rest()) < 1000


def test_clients_that_take_all_descriptors(start: Start) -> None:
    """Idle clients make room for new ones, and a reload finds what it needs."""
    server = start(program=("-c", LIMITED), workers=1)
    (first,) = children(server.pid)
    with ExitStack() as stack:
        for _ in range(2 * FEW):
            client = stack.enter_context(server.client())
            client.get("/load?n=1")
            assert client.response().body == b"1 0"
        with Load(server.port) as load:
            server.send(signal.SIGHUP)
            ended(first)
        load.tally.check_nothing_lost()
