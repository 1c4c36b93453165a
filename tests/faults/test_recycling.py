"""`max_requests` under load: workers are replaced one after the other, and no client notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.server import BOOTING
from faults.load import Load
from faults.processes import children, eventually, open_as_at_first, open_at_first, zombies

if TYPE_CHECKING:
    from faults.conftest import Start

#: How many replacements are watched for each worker type.
RECYCLES = 50


@pytest.mark.patient
def test_recycled_workers_lose_nothing(start: Start) -> None:
    # Several at a time, so that the test is quicker.
    server = start("--max-requests", "5", "--reload-surge", "4", workers=4)
    before = open_at_first(server)
    with Load(server.port) as load:
        for number in range(5, 5 + RECYCLES):
            server.log.wait_for(BOOTING, number)
    load.tally.check_nothing_lost()
    eventually(lambda: len(children(server.pid)) == 4, "four workers")
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")
    open_as_at_first(server, before)
