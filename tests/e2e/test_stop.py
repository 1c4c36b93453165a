"""A worker that stops loses nothing: each client gets its answer, or a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve, Server

HUPS = 6


def test_hup_after_hup_under_load_loses_no_short_connection(
    args: tuple[str, ...], serve: Serve
) -> None:
    server = serve("site_app", *args, "-w", "2")
    server.worker_pid(2)
    assert server.get("/") == (200, b"hello")
    with busy_machine(), Askers(server, 6) as askers:
        for number in range(1, HUPS + 1):
            server.send(signal.SIGHUP)
            server.log.wait_for(r"Worker exiting \(pid: \d+\)", 2 * number)
    assert askers.failures == []
    assert askers.answers > HUPS


class Askers:
    """Threads that ask for `/` on a new connection each time, and remember what went wrong."""

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        self.answers = 0
        self.failures: list[str] = []

    def __enter__(self) -> Askers:  # noqa: PYI034 - Self is newer than Python 3.10
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                status, body = self._server.get("/")
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))
                return
            if (status, body) != (200, b"hello"):
                self.failures.append(f"{status} {body!r}")
            self.answers += 1


@contextmanager
def busy_machine() -> Iterator[None]:
    """As many processes as there are processors that keep them busy; they end by themselves."""
    code = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    burners = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
