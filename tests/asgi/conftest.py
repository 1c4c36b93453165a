"""Fixtures: servers with the worker under test, shared ones for each loop and those of one test."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Protocol

import pytest

from asgi.kind import APPS, FORGOTTEN, LOOPS, OURS, REFERENCE, arguments, environment, is_missing
from e2e.conftest import fifo, fifos, serve, short_tmp
from e2e.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from e2e.server import Serve

    Token = Callable[[], str]

__all__ = ["fifo", "fifos", "serve", "short_tmp"]


class Start(Protocol):
    """Starts a server with the worker under test, for one test."""

    def __call__(
        self,
        app: str,
        *args: str,
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        tracebacks: bool = False,
    ) -> Server: ...


class Shared(Protocol):
    """The running server of an application, which the tests of one process share."""

    def __call__(self, app: str, *args: str, tracebacks: bool = False) -> Server: ...


@pytest.fixture(autouse=True)
def _only_ours(request: pytest.FixtureRequest) -> None:
    """Skip what the reference does not do."""
    file = str(request.node.path.stem)
    names = (f"{file}::{request.node.name}", f"{file}::{request.node.originalname}", file)
    reason = next((OURS[name] for name in names if name in OURS), None)
    if REFERENCE and reason is not None:
        pytest.skip(f"uvicorn: {reason}")


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """Each loop in turn."""
    if is_missing(request.param):
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def start(serve: Serve) -> Start:
    """Servers of the test's own, on the loop that the worker chooses."""

    def started(
        app: str,
        *args: str,
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        tracebacks: bool = False,
    ) -> Server:
        words = (*arguments("auto"), *args)
        return serve(app, *words, cwd=cwd, environment=environment, tracebacks=tracebacks)

    return started


@pytest.fixture(scope="session")
def running() -> Iterator[dict[tuple[str, ...], Server]]:
    """The shared servers by application and arguments; each is looked at when it has ended."""
    servers: dict[tuple[str, ...], Server] = {}
    yield servers
    for server in servers.values():
        server.finish()
        assert server.log.matching(FORGOTTEN) == []


@pytest.fixture
def shared(running: dict[tuple[str, ...], Server], loop: str) -> Shared:
    """Shared servers on each loop: their tests leave no trace but lines in the log."""

    def found(app: str, *args: str, tracebacks: bool = False) -> Server:
        key = (loop, app, *args)
        if key not in running:
            words = (*arguments(loop), *args)
            running[key] = Server(app, *words, cwd=APPS, environment=environment(loop))
            running[key].tolerates_tracebacks = tracebacks
        return running[key]

    return found


@pytest.fixture
def site(shared: Shared) -> Server:
    """apps/http_app.py on each loop."""
    return shared("http_app")


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Each number once."""
    return count()


@pytest.fixture
def token(numbers: Iterator[int]) -> Token:
    """Words by which a test finds its own request in the log of a shared server."""
    return lambda: f"t{next(numbers)}t"
