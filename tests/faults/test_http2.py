"""Workers and masters that come and go under HTTP/2: no stream that was begun is lost."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from e2e import conftest
from e2e.server import APPS
from faults.h2load import H2Load, needs_h2load
from faults.processes import children, ended, eventually
from faults.test_resizing import reaches
from faults.test_upgrade import upgraded

if TYPE_CHECKING:
    from e2e.server import Server
    from faults.conftest import Start

pytestmark = needs_h2load
CLEAR = ("--http-protocols", "h1,h2", "--http2-cleartext", "prior-knowledge")
SECURE = ("--http-protocols", "h2,h1", "--self-signed")
#: Worker type → its arguments, and how HTTP/2 reaches it: both ways have the same streams.
KINDS = {
    "sync": ("h2_site", (*conftest.WORKERS["sync"], *CLEAR)),
    "gthread": ("h2_site", (*conftest.WORKERS["gthread"], *SECURE)),
    "gevent": ("h2_site", (*conftest.WORKERS["gevent"], *CLEAR)),
    "asgi": ("h2_site:asgi", ("-k", "asgi", *SECURE)),
}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Some worker types in turn."""
    return str(request.param)


@pytest.fixture
def args(kind: str) -> tuple[str, ...]:
    """What chooses the type, and HTTP/2."""
    return KINDS[kind][1]


def begin(start: Start, kind: str, *more: str) -> Server:
    """A server with two workers."""
    return start(*more, app=KINDS[kind][0], cwd=APPS)


def load_on(server: Server, kind: str) -> H2Load:
    """Load on it, by its protocol."""
    scheme = "https" if SECURE[-1] in KINDS[kind][1] else "http"
    return H2Load(f"{scheme}://127.0.0.1:{server.port}/size?n=3000")


def check_nothing_lost(server: Server, load: H2Load) -> None:
    """What the applications were called for was answered; all of them have ended."""
    load.check_nothing_lost(sum("app: called /size" in line for line in server.log.rest()))


def test_another_number_another_generation_another_master(start: Start, kind: str) -> None:
    server = begin(start, kind)
    with load_on(server, kind) as load:
        server.send(signal.SIGTTIN)
        server.ready(3)
        server.send(signal.SIGTTOU)
        reaches(server, 2)
        old = children(server.pid)
        server.send(signal.SIGHUP)
        for pid in old:
            ended(pid)
        reaches(server, 2)
        successor = upgraded(server, 7)
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        workers = children(successor)
        os.kill(successor, signal.SIGHUP)
        for pid in workers:
            ended(pid)
    os.kill(successor, signal.SIGTERM)
    ended(successor)
    check_nothing_lost(server, load)


def test_recycled_workers(start: Start, kind: str) -> None:
    server = begin(start, kind, "--max-requests", "20")
    with load_on(server, kind) as load:
        server.ready(10)
    eventually(lambda: len(children(server.pid)) == 2, "two workers")
    assert server.stop() == 0
    check_nothing_lost(server, load)
