"""Applications that do not come back: somebody notices, and the others are served meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.load import Load
from faults.processes import ended

if TYPE_CHECKING:
    from faults.conftest import Start

STUCK = {"/sleep": "sleeps", "/busy": "is busy", "/native": "keeps the lock"}


@pytest.mark.parametrize("worker", ["sync"])
@pytest.mark.parametrize("path", list(STUCK))
def test_timeout_bounds_a_request_of_a_sync_worker(start: Start, path: str) -> None:
    server = start("--timeout", "1", tracebacks=True)
    with Load(server.port) as load, server.client() as client:
        client.get(path)
        server.log.wait_for(f"app: {STUCK[path]}")
        victim = server.log.wait_for(r"\[CRITICAL\] WORKER TIMEOUT \(pid:(\d+)\)").group(1)
        ended(int(victim))
        client.everything()
        server.output.wait_for("worker ready", 3)
    print(load.tally)
