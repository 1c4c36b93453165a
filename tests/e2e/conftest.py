"""Fixtures: the shared site under each worker type, and servers of a test's own."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from e2e.scenarios import EXCEPTIONS
from e2e.server import APPS, Serve, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Fifos = Callable[[int], list[str]]

#: The worker types under test, each with its arguments: all that is to be said of a new one.
WORKERS = {
    "sync": ("-k", "sync"),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "gevent": ("-k", "gevent"),
    "eventlet": ("-k", "eventlet"),
    "tornado": ("-k", "tornado"),
}


@pytest.fixture(params=list(WORKERS))
def worker(request: pytest.FixtureRequest) -> str:
    """Each worker type in turn, but for what e2e/scenarios.py excepts."""
    return wanted(request)


def wanted(request: pytest.FixtureRequest) -> str:
    """The worker type of a test, which is skipped if that is an exception."""
    test = f"{request.node.path.stem}::{request.node.originalname}"
    reason = EXCEPTIONS.get(request.param, {}).get(test)
    if reason is not None:
        pytest.skip(f"{request.param}: {reason}")
    return str(request.param)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers of the test's own; `tracebacks=True` when the test provokes some."""
    servers: list[Server] = []

    def start(
        app: str,
        *args: str,
        bind: Sequence[str] = ("127.0.0.1:0",),
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-m", "licorne"),
        python: str = sys.executable,
        tracebacks: bool = False,
        executed: bool = False,
    ) -> Server:
        server = Server(
            app,
            *args,
            bind=bind,
            cwd=cwd,
            environment=environment,
            program=program,
            python=python,
            executed=executed,
        )
        server.tolerates_tracebacks = tracebacks
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.finish()


@pytest.fixture
def args(worker: str) -> tuple[str, ...]:
    """The arguments that choose the worker type, in turn."""
    return WORKERS[worker]


@pytest.fixture(scope="session")
def sites() -> Iterator[dict[str, Server]]:
    """The running sites by name: started once, shared by all tests that leave no trace."""
    running: dict[str, Server] = {}
    yield running
    for server in running.values():
        server.finish()


@pytest.fixture
def site(worker: str, sites: dict[str, Server]) -> Server:
    """apps/site_app.py under each worker type: no test makes it log an error."""
    if worker not in sites:
        sites[worker] = Server("site_app", *WORKERS[worker])
    return sites[worker]


@pytest.fixture
def faulty(worker: str, sites: dict[str, Server]) -> Server:
    """apps/faulty_app.py under each worker type: applications that do wrong, with tracebacks."""
    name = f"faulty {worker}"
    if name not in sites:
        sites[name] = Server("faulty_app", *WORKERS[worker])
        sites[name].tolerates_tracebacks = True
    return sites[name]


@pytest.fixture
def short_tmp() -> Iterator[str]:
    """A folder with a short name: socket paths have room for about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield folder


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    """A pipe with a name: the application waits there until the test opens it for writing."""
    return _pipe(tmp_path / "gate")


@pytest.fixture
def fifos(tmp_path: Path) -> Fifos:
    """As many such pipes as a test asks for."""
    return lambda count: [_pipe(tmp_path / f"gate-{number}") for number in range(count)]


def _pipe(path: Path) -> str:
    os.mkfifo(path)
    return str(path)
