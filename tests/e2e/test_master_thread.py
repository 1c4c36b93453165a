"""The master has one thread, whatever is configured: a fork copies no lock that another holds."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from e2e.server import Serve

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")

CONFIGURATIONS = {
    "plain": (),
    "threads": ("-k", "gthread", "--threads", "4", "-w", "2"),
    "reload": ("--reload",),
    "preload": ("--preload", "-w", "2"),
    "reuse_port": ("--reuse-port", "-w", "2"),
    "memory": ("--max-worker-memory", "900M"),
    "requests": ("--max-requests", "1"),
    "timeout": ("-t", "1"),
    "syslog": ("--log-syslog", "--log-syslog-to", "udp://127.0.0.1:9"),
    "access log": ("--access-logfile", "-"),
    "debug": ("--log-level", "debug"),
}

#: An application that starts a thread while it is loaded: with --preload, that is not the master.
THREADED = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""


@pytest.mark.parametrize("name", list(CONFIGURATIONS))
def test_one_thread(serve: Serve, tmp_path: Path, name: str) -> None:
    (tmp_path / "threaded.py").write_text(THREADED, encoding="ascii")
    server = serve("threaded", *CONFIGURATIONS[name], cwd=tmp_path)
    assert server.get("/") == (200, b"hello")
    counts = []
    for number in (None, signal.SIGTTIN, signal.SIGHUP, signal.SIGUSR1):
        if number is not None:
            server.send(number)
            server.log.wait_for(f"Handling signal: {number.name[3:].lower()}")
        counts.append(len(list(Path(f"/proc/{server.pid}/task").iterdir())))
    assert counts == [1, 1, 1, 1]
