"""Processes and their ends."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys

import pytest

from licorne.system import process

# pytest-xdist's workers have a thread; what is forked here does not touch it.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def test_the_ends_of_children_are_told_apart() -> None:
    codes = {}
    for code in (0, 3):
        pid = process.fork([signal.SIGUSR1])
        if pid == 0:
            os._exit(code)
        codes[pid] = (code, "")
    pid = process.fork([signal.SIGTERM])
    if pid == 0:
        signal.pause()
        os._exit(9)
    os.kill(pid, signal.SIGKILL)
    codes[pid] = (0, "SIGKILL")
    for each in codes:
        # Ended for sure, and still there to be reaped.
        os.waitid(os.P_PID, each, os.WEXITED | os.WNOWAIT)
    found = {end.pid: (end.code, end.signal) for end in process.ended()}
    assert found == codes
    assert list(process.ended()) == []


#: Reaps its first child when each descriptor is in use.
FULL = """
import os, signal
from licorne.system import process

pid = process.fork([signal.SIGTERM])
if pid == 0:
    os._exit(3)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
try:
    while True:
        os.dup(0)
except OSError:
    print([(end.pid == pid, end.code) for end in process.ended()])
"""


def test_a_child_is_reaped_when_no_descriptor_is_free() -> None:
    # By the shell: the module that sets limits is the one that must be there already.
    limited = ["sh", "-c", 'ulimit -n 64 && exec "$@"', "sh", sys.executable, "-c", FULL]
    told = subprocess.run(limited, check=True, capture_output=True, text=True)
    assert told.stdout == "[(True, 3)]\n"


def test_a_child_has_none_of_the_handlers_of_its_parent() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    old_fd = signal.set_wakeup_fd(writer)
    try:
        pid = process.fork([signal.SIGUSR2, signal.SIGUSR1])
        if pid == 0:
            alone = (
                signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
                and callable(signal.getsignal(signal.SIGUSR1))
                and signal.set_wakeup_fd(-1) == -1
                and not signal.pthread_sigmask(signal.SIG_BLOCK, [])
            )
            os._exit(0 if alone else 1)
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        signal.set_wakeup_fd(old_fd)
        signal.signal(signal.SIGUSR2, before)
        os.close(reader)
        os.close(writer)


def test_a_childs_collections_leave_alone_what_its_parent_has() -> None:
    mine: list[list[int]] = [[] for _ in range(10_000)]
    assert len(gc.get_objects()) > len(mine)
    pid = process.fork([])
    if pid == 0:
        os._exit(0 if len(gc.get_objects()) < len(mine) else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_signal_names() -> None:
    assert process.signal_name(15) == "SIGTERM"
    assert process.signal_name(40) == "signal 40"
