"""Clients of HTTP/2 that read slowly, or not at all: what they keep in memory is bounded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from e2e.h2_client import H2Client
from e2e.test_http2 import CLEAR, KINDS, start

if TYPE_CHECKING:
    from e2e.server import Serve, Server

#: Requests of one client, and the size of each response.
REQUESTS, SIZE = 64, 1 << 19
#: Applications of tornado's own, whose handlers may wait.
OWN = "tornado's own"


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each worker type in turn."""
    return str(request.param)


def start_app(serve: Serve, app: str) -> Server:
    """A server of a worker type, or of `OWN`."""
    if app == OWN:
        return serve("tornado_site:app", *KINDS["tornado"], *CLEAR)
    return start(serve, app)


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        found = re.search(r"VmRSS:\s+(\d+) kB", status.read())
    assert found is not None
    return int(found[1]) * 1024


def test_a_slow_reader_buffers_little(serve: Serve, kind: str) -> None:
    """Its windows stay closed: the application waits, and others are answered."""
    if kind == "sync":
        pytest.skip("its one thread waits for the reader, as with HTTP/1")
    server = start(serve, kind)
    with H2Client(server.port, window=1000, reads=False) as slow:
        streams = [slow.ask("/stream?n=4000") for _ in range(3)]
        slow.until(lambda: all(len(slow.answers[stream].body) == 1000 for stream in streams))
        with H2Client(server.port) as other:
            assert other.get("/").body == b"hello"
        assert resident(server.worker_pid()) < 200 << 20
        slow.reset(streams[0])
    server.log.wait_for("generator closed", 3)


@pytest.mark.parametrize("app", [*KINDS, OWN])
def test_requests_wait_for_a_client_that_reads_no_responses(serve: Serve, app: str) -> None:
    """Whole responses cannot be interrupted: so the next ones are not begun."""
    server = start_app(serve, app)
    with H2Client(server.port, window=0, reads=False) as slow:
        # All of them come at once.
        target = f"/size?n={SIZE}"
        streams = [slow.begin("GET", target, end=True, keep=1 << 20) for _ in range(REQUESTS)]
        slow.flush()
        # The first one is here, the next ones have had their time to begin.
        slow.until(lambda: slow.answers[streams[0]].status == 200)
        with H2Client(server.port) as other:
            for _ in range(REQUESTS):
                assert other.get("/").status == 200
        # On a loop a few begin before there is any response.
        begun = len(server.log.matching("called /size"))
        assert begun <= REQUESTS // 2, f"{begun} of {REQUESTS} were begun"
        slow.reads = True
        slow.h2.increment_flow_control_window(1 << 26)
        for stream in streams:
            slow.open_windows(stream, SIZE)
        for stream in streams:
            assert len(slow.answer(stream).body) == SIZE
    assert len(server.log.matching("called /size")) == REQUESTS


@pytest.mark.parametrize("app", ["gevent", "eventlet", "asgi", OWN])
def test_requests_that_wait_hold_none_of_those_beside_them(serve: Serve, app: str) -> None:
    """None is answered before all have begun."""
    server = start_app(serve, app)
    with H2Client(server.port, window=0) as client:
        target = f"/meet?n={REQUESTS}"
        streams = [client.begin("GET", target, end=True, keep=1 << 20) for _ in range(REQUESTS)]
        client.flush()
        for stream in streams:
            client.until(lambda stream=stream: client.answers[stream].status == 200)
