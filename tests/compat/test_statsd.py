"""The datagrams that a statsd server gets, from gunicorn and from licorne."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from compat.observed import APPS
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.server import Serve

pytest.importorskip("gunicorn.config", reason="the real gunicorn is not installed")

REAL = ("-c", "import gunicorn.app.wsgiapp as w; w.run()")
LAST = "gunicorn.request.status.404"


def datagrams(serve: Serve, program: tuple[str, ...]) -> set[str]:
    """What comes while a server starts, answers three requests, one with an error, and stops."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(PATIENCE)
        host = f"127.0.0.1:{statsd.getsockname()[1]}"
        tags = ("--statsd-prefix", "site.", "--dogstatsd-tags", "env:test,team:a")
        args = ("--statsd-host", host, *tags, "--enable-backlog-metric")
        server = serve("config_site:app", *args, cwd=APPS, program=program, tracebacks=True)
        for path in ("/", "/fail", "/missing"):
            server.get(path)
        found: list[str] = []
        wanted = {LAST, "gunicorn.log.exception", "gunicorn.workers", "gunicorn.backlog"}
        for _ in range(100):
            found.append(statsd.recv(4096).decode())
            if all(any(name in each for each in found) for name in wanted):
                break
        server.stop()
    # Durations, and how many happened to wait at that moment.
    return {re.sub(r":[\d.]+\|(ms|h)", r":N|\1", each) for each in found}


def test_the_same_datagrams(serve: Serve) -> None:
    ours, theirs = datagrams(serve, ("-m", "licorne")), datagrams(serve, REAL)
    assert ours == theirs
    assert "site.gunicorn.requests:1|c|@1.0|#env:test,team:a" in ours
