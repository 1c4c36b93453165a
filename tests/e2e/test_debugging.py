"""A debugger inside of an application: the worker has the terminal, and all the time it needs."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import requests

from e2e.server import LISTENING, Lines
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = """
import threading

def app(environ, start_response):
    start_response("200 OK", [])
    answer = ["before"]
    if environ["PATH_INFO"] == "/break":
        breakpoint()
        answer.append("after")
    if environ["PATH_INFO"] == "/stuck":
        threading.Event().wait()
    return [" ".join(answer).encode()]
"""
#: Longer than the `timeout` of one second, by its own clock.
LONGER = "import time; time.sleep(3)"


class Terminal:
    """A terminal with a server in it, to be typed into."""

    def __init__(self, *words: str, cwd: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            words, cwd=cwd, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        assert self.process.stderr
        self.log = Lines(self.process.stderr)
        self.shown = ""

    def wait_for(self, pattern: str) -> str:
        """What is shown until a pattern is; the next wait begins there."""
        while (found := re.search(pattern, self.shown)) is None:
            self.shown += os.read(self._ours, 65536).decode()
        before, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return before

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self._ours, line.encode() + b"\n")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            # With a worker that is still at the prompt.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.log.rest()
            os.close(self._ours)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "site_app.py").write_text(APP)
    words = ("-m", "licorne", "-b", "127.0.0.1:0", "--timeout", "1", "site_app:app")
    made = Terminal(sys.executable, *words, cwd=tmp_path)
    yield made
    made.close()


def test_a_breakpoint_has_the_terminal_and_the_time(terminal: Terminal) -> None:
    url = f"http://127.0.0.1:{terminal.log.wait_for(LISTENING)[1]}"
    answers: list[str] = []

    def ask() -> None:
        answers.append(requests.get(f"{url}/break", timeout=PATIENCE).text)

    browser = threading.Thread(target=ask)
    browser.start()
    # In the application's own frame, not in one of the server: since Python 3.13 where it was
    # called, and before that at the next line.
    assert re.search(r"site_app\.py\([89]\)app\(\)", terminal.wait_for(r"\(Pdb\) "))
    terminal.log.wait_for(r"breakpoint\(\) in worker \(pid:\d+\): `timeout` does not count")
    terminal.type(LONGER)
    terminal.wait_for(r"\(Pdb\) ")
    terminal.type("p answer")
    assert "['before']" in terminal.wait_for(r"\(Pdb\) ")
    terminal.type("continue")
    browser.join(PATIENCE)
    assert answers == ["before after"]
    # From the next request on, time counts again.
    assert requests.get(f"{url}/stuck", timeout=PATIENCE).status_code == 504
    terminal.log.wait_for("WORKER TIMEOUT")
    assert len(terminal.log.matching("WORKER TIMEOUT")) == 1
