"""Processes that cannot say why they end: what they write to is closed, or full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from e2e.conftest import WORKERS
from e2e.server import APPS
from faults.processes import eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

APP_LOAD_ERROR = 4


def closed() -> IO[bytes]:
    """A pipe without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    return open(writing, "wb", buffering=0)


def full() -> IO[bytes]:
    """A disk without room."""
    return open("/dev/full", "wb", buffering=0)


def session(leader: int) -> list[int]:
    """The processes of a session that run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, _group, its = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("output", [closed, full])
@pytest.mark.parametrize("how", [(), ("--preload",)], ids=["worker", "mold"])
@pytest.mark.parametrize("worker", WORKERS)
def test_an_application_that_is_not_there(
    worker: str, how: tuple[str, ...], output: Callable[[], IO[bytes]]
) -> None:
    """The server ends as it does when it is heard; no forked process goes on as a master."""
    words = [sys.executable, "-m", "licorne", "-b", "127.0.0.1:0", *WORKERS[worker], *how]
    with output() as said:
        server = subprocess.Popen(
            [*words, "site_app:nothing"],
            cwd=APPS,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        assert server.wait(PATIENCE) == APP_LOAD_ERROR
        eventually(lambda: not session(server.pid), "all its processes have ended")
    finally:
        for pid in session(server.pid):
            os.kill(pid, 9)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", [(), ("--preload",)], ids=["worker", "mold"])
def test_a_logger_that_fails(how: tuple[str, ...], tmp_path: Path) -> None:
    """One of the program's own, in the worker alone: again no worker goes on as a master."""
    (tmp_path / "own.py").write_text(
        "from licorne.glogging import Logger\n"
        "class Failing(Logger):\n"
        "    def info(self, message, *args, **kwargs):\n"
        "        if 'Booting' in message:\n"
        "            raise OSError('the log is gone')\n"
        "        super().info(message, *args, **kwargs)\n"
    )
    words = [sys.executable, "-m", "licorne", "-b", "127.0.0.1:0", *how]
    server = subprocess.Popen(
        [*words, "--logger-class", "own.Failing", "site_app:app"],
        cwd=APPS,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if b"OSError: the log is gone" in line:
                break
        server.terminate()
        server.communicate(timeout=PATIENCE)
        assert server.returncode is not None
        eventually(lambda: not session(server.pid), "all its processes have ended")
    finally:
        for pid in session(server.pid):
            os.kill(pid, 9)
