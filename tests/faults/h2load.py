"""Load over HTTP/2 while something happens to a server: h2load, again and again.

It opens no connection anew: a run ends early if its server goes away, and the next one takes the
load over. Requests that it had not sent by then count as failed for it, so that its own sum says
nothing: what the application has been called for must have been answered (RFC 9113, section 6.8).
"""

from __future__ import annotations

import re
import subprocess
import threading
from shutil import which
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType

needs_h2load = pytest.mark.skipif(which("h2load") is None, reason="h2load is not installed")
#: Of one run: clients, streams of each at a time, requests a second of each, and all together.
SHAPE = ("-c", "2", "-m", "4", "--rps", "40", "-n", "120")
REQUESTS = re.compile(r"(\d+) succeeded, .* (\d+) timeout")
STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")


class H2Load:
    """`with H2Load(url) as load: …` begins with an answer, and ends with the last one."""

    def __init__(self, url: str) -> None:
        self._command = ["h2load", *SHAPE, url]
        self._over = threading.Event()
        self._under_way = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = 0
        #: What h2load has said of runs with other answers, or none in time.
        self.bad: list[str] = []

    def __enter__(self) -> H2Load:  # noqa: PYI034 - Self is newer than Python 3.10
        self._thread.start()
        assert self._under_way.wait(PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(PATIENCE)

    def check_nothing_lost(self, called: int) -> None:
        """Each of so many requests was answered with 200."""
        assert not self.bad, self.bad[0]
        assert self.answered == called
        assert called > 0

    def _run(self) -> None:
        while not self._over.is_set():
            with subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="ascii",
            ) as process:
                said = self._said(process)
            requests, statuses = REQUESTS.search(said), STATUSES.search(said)
            if requests is None or statuses is None:
                self.bad.append(said)
                break
            self.answered += int(requests[1])
            if statuses.groups() != (requests[1], "0", "0", "0") or requests[2] != "0":
                self.bad.append(said)
        self._under_way.set()

    def _said(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("progress:"):
                self._under_way.set()
        return "".join(lines)
