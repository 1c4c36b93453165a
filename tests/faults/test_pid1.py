"""The server as process 1 of a container: orphans are reaped, TERM is heard."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from faults.processes import children, eventually, zombies

if TYPE_CHECKING:
    from faults.conftest import Start

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
#: Becomes `unshare`, whose child is the server.
CONTAINED = f"""
import os, sys
os.execvp("unshare", {NAMESPACE!r} + [sys.executable, "-m", "licorne", *sys.argv[1:]])
"""


def can_contain() -> bool:
    """Whether we may make a namespace of process ids."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_contain(), reason="needs unshare(1) and the right to use it")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_one(start: Start, number: signal.Signals) -> None:
    server = start(program=("-c", CONTAINED))
    (master,) = children(server.pid)
    server.log.wait_for(r"\[1\] \[INFO\] Listening at")
    workers = children(master)
    for _ in range(5):
        assert server.get("/orphan") == (200, b"orphaned")
    eventually(lambda: children(master) == workers, "orphans ended")
    eventually(lambda: zombies(master) == [], "orphans reaped")
    os.kill(master, number)
    assert server.wait() == 0
    server.log.wait_for(r"\[1\] \[INFO\] Shutting down: Master")
