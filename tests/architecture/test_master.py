"""What must never be true of the master: threads, work for clients, heavy imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("licorne._engine", reason="the scoreboard is native")

APP = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n"

#: Modules that cost milliseconds and that a plain start does not need.
HEAVY = (
    "dataclasses", "typing", "inspect", "ast", "asyncio", "ssl", "socketserver", "subprocess",
    "logging.config", "logging.handlers", "ipaddress", "importlib.metadata", "email", "http.client",
    "multiprocessing", "pathlib", "json",
)  # fmt: skip

WHEN_READY = """
import os, sys
def when_ready(server):
    heavy = [name for name in {heavy!r} if name in sys.modules]
    os.write(1, f"HEAVY {{heavy}}\\n".encode())
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_one_thread_and_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "app_here.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(WHEN_READY.format(heavy=HEAVY))
    process = subprocess.Popen(
        [sys.executable, "-m", "licorne", "-b", "127.0.0.1:0", "app_here:app"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        while "Booting worker" not in (line := process.stdout.readline()):
            assert line, "".join(lines)
            lines.append(line)
        threads = list(Path(f"/proc/{process.pid}/task").iterdir())
        assert len(threads) == 1
        assert [line for line in lines if line.startswith("HEAVY")] == ["HEAVY []\n"]
    finally:
        process.terminate()
        process.stdout.read()
        process.stdout.close()
        process.wait()
