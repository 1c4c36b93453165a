"""Applications that do not come back: they are noticed, and other requests served meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.load import Load
from faults.processes import ended

if TYPE_CHECKING:
    from faults.conftest import Start

STUCK = {"/sleep": "sleeps", "/busy": "is busy", "/native": "keeps the lock"}


@pytest.mark.patient
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


@pytest.mark.patient
@pytest.mark.parametrize("path", list(STUCK))
def test_request_timeout_bounds_a_request_of_any_worker(start: Start, path: str) -> None:
    server = start("--request-timeout", "0.7", "--graceful-timeout", "2", tracebacks=True)
    with Load(server.port) as load, server.client() as client:
        client.get(path)
        server.log.wait_for(f"app: {STUCK[path]}")
        assert client.response().status == 504
        server.log.wait_for(rf"Request over its time: GET {path} from 127\.0\.0\.1:")
        # Another one comes, and then the stuck one goes, whether it wants to or not.
        gone = server.log.wait_for(r"Worker \(pid:(\d+)\) is to be replaced: request_timeout")
        server.output.wait_for("worker ready", 3)
        ended(int(gone.group(1)))
    print(load.tally)
    # Beside code that keeps the interpreter lock no other can run: those requests are over their
    # time too, or are sent back by a worker that has not begun them. None is left unanswered.
    assert not load.tally.losses, load.tally.losses[:10]
    assert set(load.tally.statuses) <= {200, 503, 504}
