"""`max_requests` under load: workers are replaced one after the other, and no client notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from e2e.server import BOOTING
from faults.load import Load
from faults.processes import children, descriptors, eventually, zombies

if TYPE_CHECKING:
    from faults.conftest import Start

#: How many replacements are watched.
RECYCLES = 20


def test_recycled_workers_lose_nothing(start: Start) -> None:
    server = start("--max-requests", "5")
    before = descriptors(server.pid)
    with Load(server.port) as load:
        server.log.wait_for(BOOTING, 2 + RECYCLES)
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(server.pid)) == 2, "two workers")
    assert zombies(server.pid) == []
    assert descriptors(server.pid) == before
