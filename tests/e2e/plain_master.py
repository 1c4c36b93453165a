"""A licorne started as a user would, whose log can be waited for line by line."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: A foreign worker class, with its own network code and no engine.
PLAIN_WORKER = """
import os
import select

from licorne.workers.base import Worker


class Plain(Worker):
    def run(self):
        for listener in self.sockets:
            listener.setblocking(False)
        while self.alive:
            self.notify()
            ready, _, _ = select.select(self.wait_fds, [], [], 0.2)
            for each in ready:
                if each == self.PIPE[0]:
                    os.read(each, 100)
                    continue
                try:
                    client, _ = each.accept()
                except BlockingIOError:
                    continue
                client.setblocking(True)
                client.recv(4096)
                body = b"".join(self.wsgi({}, lambda status, headers: None))
                head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"
                client.sendall(head % len(body) + body)
                client.close()
"""

APP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"one"]
"""


class Master:
    """One server process in a directory of its own."""

    def __init__(
        self, directory: Path, *words: str, env: dict[str, str] | None = None, **options: object
    ) -> None:
        (directory / "plain.py").write_text(PLAIN_WORKER)
        if not (directory / "site_app.py").exists():
            (directory / "site_app.py").write_text(APP)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "LICORNE_CMD_ARGS"}
        }
        # A rewritten module within the same second must not be taken from its cached code.
        inherited["PYTHONDONTWRITEBYTECODE"] = "1"
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "licorne", *words],
            cwd=directory,
            env={**inherited, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,  # type: ignore[call-overload]
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line from here on that matches; fails with all lines when there is none."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f"no line matches {pattern!r} in:\n" + "\n".join(self.lines))

    def boots(self, count: int = 1) -> list[int]:
        """The process ids of the next workers."""
        return [int(self.wait_for(r"Booting worker with pid: (\d+)")[1]) for _ in range(count)]

    def address(self) -> str:
        """Where it listens."""
        return self.wait_for(r"Listening at: (http://\S+)")[1]

    def send(self, name: str) -> None:
        os.kill(self.pid, getattr(signal, f"SIG{name}"))

    def end(self, name: str = "TERM") -> int:
        """Send a signal, read the rest of the log, and give the exit status."""
        if self.process.poll() is None:
            self.send(name)
        return self.status()

    def status(self) -> int:
        assert self.process.stdout is not None
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait()

    def close(self) -> None:
        """Leave nothing behind, however the test ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def text(self) -> str:
        return "\n".join(self.lines)


def get(url: str) -> str:
    """The body of a response."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return str(response.read().decode())
