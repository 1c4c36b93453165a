"""What the kernel says about processes: which there are, their parents, what they hold.

`ended` waits for the event. Where there is none (`eventually`), the question is asked again.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.server import Server

PROC = Path("/proc")
#: The number of openat(2) on x86-64, and on other machines.
OPENAT = ("257", "56")


class Status:
    """One line of /proc/PID/stat (proc_pid_stat(5))."""

    def __init__(self, line: str) -> None:
        # The name is in parentheses and may contain anything, parentheses too.
        fields = line.rpartition(")")[2].split()
        self.pid = int(line.split(" ", 1)[0])
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])


def processes() -> list[Status]:
    """All processes of the machine."""
    found = []
    # Hundreds, looked through again and again: without an object for each path.
    for name in filter(str.isdecimal, os.listdir(PROC)):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                line = file.read()
        except (FileNotFoundError, ProcessLookupError):
            # It has ended while we look.
            continue
        found.append(Status(line.decode(errors="replace")))
    return found


def session(leader: int) -> list[int]:
    """The living processes of a session: all that came from a server under test."""
    return [e.pid for e in processes() if e.session == leader and e.state != "Z"]


def children(parent: int) -> list[int]:
    """The living children of a process, by age."""
    return sorted(e.pid for e in processes() if e.parent == parent and e.state != "Z")


def zombies(parent: int) -> list[int]:
    """Children that have ended and were not reaped."""
    return [e.pid for e in processes() if e.parent == parent and e.state == "Z"]


def opens(pid: int) -> bool:
    """Whether the main thread of a process waits in `open`, as for the other end of a FIFO
    (proc_pid_syscall(5))."""
    return (PROC / str(pid) / "syscall").read_text(encoding="ascii").split()[0] in OPENAT


def state(pid: int) -> str:
    """The state of a process by its letter: R, S, T (stands still), Z (ended, not reaped)."""
    return Status((PROC / str(pid) / "stat").read_text(errors="replace")).state


def descriptors(pid: int) -> list[str]:
    """What a process has open: names of files, and of pipes and sockets only the kind."""
    found = []
    for link in (PROC / str(pid) / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(re.sub(r":\[\d+\]$", ":", str(link.readlink())))
    return sorted(found)


def open_at_first(server: Server) -> list[str]:
    """What a master has open that has started: its control socket is made behind the workers."""
    server.control_socket()
    return descriptors(server.pid)


def open_as_at_first(server: Server, first: list[str]) -> None:
    """Wait until the master has open what it had: what it has of a worker it closes after it has
    reaped the worker."""
    eventually(lambda: descriptors(server.pid) == first, f"nothing is open but {first}")


def open_in_each(server: Server) -> dict[int, Counter[str]]:
    """What the master and its workers have open that have started and have no clients: each worker
    the same, with what its engine makes behind the word that it is ready."""

    def started() -> bool:
        each = [descriptors(pid) for pid in children(server.pid)]
        return "anon_inode:[timerfd]" in each[0] and all(names == each[0] for names in each)

    eventually(started, "the engines of all workers are made")
    return {pid: Counter(descriptors(pid)) for pid in (server.pid, *children(server.pid))}


def ended(pid: int) -> None:
    """Wait for the end of a process, whose child it may ever be."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        assert poller.poll(PATIENCE * 1000), f"process {pid} is still there after {PATIENCE} s"
    finally:
        os.close(handle)


def eventually(holds: Callable[[], object], what: str) -> None:
    """Ask until it holds, for what has no event to wait for."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"not after {PATIENCE} s: {what}"
        time.sleep(0.02)
