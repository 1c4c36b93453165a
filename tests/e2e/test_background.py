"""What an application goes on with after its answer: threads have their time when the worker ends,
and forked processes disturb nobody.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from e2e.server import open_gate

if TYPE_CHECKING:
    from e2e.server import Serve


class TestThreads:
    """Started in a view, and no daemons, as the application did not ask for one."""

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
    def test_the_end_of_a_worker_waits_for_them(
        self, args: tuple[str, ...], serve: Serve, fifo: str, end: signal.Signals
    ) -> None:
        server = serve("background_app", *args)
        assert server.get(f"/?kind=thread&fifo={fifo}") == (200, b"begun")
        server.send(end)
        server.log.wait_for("Worker exiting")
        open_gate(fifo)
        server.log.wait_for("app: exit handler")
        lines = [line for line in server.log.all() if line.startswith("app:")]
        assert lines == ["app: work done", "app: exit handler"]

    def test_those_given_up_are_named(self, args: tuple[str, ...], serve: Serve, fifo: str) -> None:
        server = serve("background_app", *args, "--graceful-timeout", "1")
        assert server.get(f"/?kind=thread&fifo={fifo}") == (200, b"begun")
        assert server.stop() == 0
        server.log.wait_for(r"are given up: background$")
        server.log.wait_for("app: exit handler")
        assert not server.log.matching("SIGKILL")

    def test_a_quick_stop_gives_them_a_moment(
        self, args: tuple[str, ...], serve: Serve, fifo: str
    ) -> None:
        server = serve("background_app", *args)
        assert server.get(f"/?kind=thread&fifo={fifo}") == (200, b"begun")
        assert server.stop(signal.SIGINT) == 0
        server.log.wait_for(r"are given up: background$")
        assert not server.log.matching("SIGKILL")
