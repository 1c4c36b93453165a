"""Servers for faults: what is left of them at the end is looked at, too."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from e2e.conftest import args, fifo, fifos, short_tmp, wanted
from e2e.server import READY_CONF, Server
from faults.processes import eventually, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["args", "fifo", "fifos", "short_tmp", "start", "worker"]

#: The master is the same for all worker types: one that takes its time alone, one with threads, and
#: one on another loop.
WORKERS = ("sync", "gthread", "gevent")

APPS = Path(__file__).with_name("apps")

if sys.platform != "linux":
    # Everything here reads /proc.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    """Some worker types in turn, but for what e2e/scenarios.py excepts."""
    return wanted(request)


class Start(Protocol):
    """Starts a server of the test's worker type with all its workers serving."""

    def __call__(
        self,
        *args: str,
        app: str = "fault_app",
        workers: int = 2,
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        bind: Sequence[str] = ("127.0.0.1:0",),
        program: Sequence[str] = ("-m", "licorne"),
        tracebacks: bool = False,
        config: str = "",
    ) -> Server: ...


@pytest.fixture
def start(args: tuple[str, ...], tmp_path: Path) -> Iterator[Start]:
    """Start servers; at the end they must stop well and leave no process behind."""
    servers: list[Server] = []

    def begin(
        *more: str,
        app: str = "fault_app",
        workers: int = 2,
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        bind: Sequence[str] = ("127.0.0.1:0",),
        program: Sequence[str] = ("-m", "licorne"),
        tracebacks: bool = False,
        config: str = "",
    ) -> Server:
        file = tmp_path / f"faults{len(servers)}.conf.py"
        file.write_text(READY_CONF.read_text(encoding="ascii") + config, encoding="ascii")
        options = [*args, "-w", str(workers), "-c", str(file), *more]
        server = Server(app, *options, bind=bind, cwd=cwd, environment=environment, program=program)
        server.tolerates_tracebacks = tracebacks
        servers.append(server)
        server.ready(workers)
        return server

    yield begin
    for server in servers:
        end(server)


def end(server: Server) -> None:
    """Stop it if it runs; no process may be left when the master is gone."""
    pids = session(server.pid)
    try:
        if server.pid in pids:
            server.send(signal.SIGTERM)
            assert server.wait() == 0, "\n".join(server.log.all())
        eventually(lambda: not session(server.pid), f"no process of server {server.pid} is left")
    finally:
        server.finish()
