"""Clients of the metrics socket that take their time: a clock of the test's own, real sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from e2e.client import Client
from licorne.app.base import BaseApplication
from licorne.glogging import Logger
from licorne.master.loop import Loop
from licorne.metrics.server import LONGEST, MetricsServer
from licorne.supervisor.roster import Policy, begin
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.master.face import Master as Face

import pytest


class Empty(BaseApplication):
    """An application without a configuration of its own."""

    def load_config(self) -> None:
        """Listen somewhere."""
        self.cfg.set("metrics_bind", "127.0.0.1:0")


class Master:
    """What the server of the metrics asks of a master."""

    def __init__(self) -> None:
        self.cfg = Empty().cfg
        self.log = Logger(self.cfg)
        self.loop = Loop()
        self.watch, self.unwatch = self.loop.watch, self.loop.unwatch
        self.roster = begin(Policy(workers=1, timeout=30.0, graceful_timeout=30.0))
        self.reexec_pid = 0
        self.server = MetricsServer(cast("Face", self), None)
        self.server.start(self.cfg)


@pytest.fixture
def master(caplog: pytest.LogCaptureFixture) -> Iterator[Master]:
    caplog.set_level("INFO")
    made = Master()
    yield made
    made.server.close()


def port(master: Master) -> int:
    listener = master.server._listener
    assert listener is not None
    return int(listener.sock.getsockname()[1])


def test_a_silent_client_is_sent_away(master: Master) -> None:
    assert master.server.wake_after(time.monotonic()) is None
    with Client.tcp(port(master)) as client:
        master.loop.wait(PATIENCE)
        wait = master.server.wake_after(time.monotonic())
        assert wait is not None
        assert LONGEST - 5 < wait <= LONGEST
        client.send(b"GET /livez HTTP/1.1\r\n")
        master.loop.wait(PATIENCE)
        # A sign of life does not buy time.
        master.server.look_after(time.monotonic() + wait)
        assert client.is_closed()
    assert master.server.wake_after(time.monotonic()) is None


def test_a_client_that_does_not_close_is_sent_away(master: Master) -> None:
    with Client.tcp(port(master)) as client:
        client.get("/livez")
        master.loop.wait(PATIENCE)
        master.loop.wait(PATIENCE)
        assert client.response().body == b"ok\n"
        assert client.is_closed()
        assert master.server.wake_after(time.monotonic()) is not None
        master.server.look_after(time.monotonic() + LONGEST)
        assert master.server.wake_after(time.monotonic()) is None
