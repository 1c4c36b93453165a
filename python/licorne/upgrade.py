"""Exchanging the running program (USR2): a new master is executed with the sockets of the old one.

What goes over is told in the environment with gunicorn's names, so that either server can be
exchanged for the other: GUNICORN_PID is the old master, GUNICORN_FD lists the listening sockets.
Sockets that came from systemd go on as such (LISTEN_PID, LISTEN_FDS; sd_listen_fds(3)).
"""

from __future__ import annotations

import os
import sys

from licorne.systemd import SD_LISTEN_FDS_START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PID, FDS = "GUNICORN_PID", "GUNICORN_FD"


class Start:
    """How this program was started, so that it can be started the same way again."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        # As typed: also `python -m`, flags of the interpreter, and scripts of any installer.
        self.words = [sys.executable, *sys.orig_argv[1:]]


def executed() -> bool:
    """Whether another master has executed this program and waits to be replaced by it."""
    # A program that the old master started otherwise has the variable too, and another parent.
    old = os.environ.get(PID, "")
    return old.isdigit() and int(old) == os.getppid()


def inherited() -> tuple[int, list[int]]:
    """The old master's process id and the sockets it left to this one; 0 when there is none.

    The variables are taken out of the environment: they are true once, and only for this process.
    """
    ours = executed()
    old, fds = os.environ.pop(PID, ""), os.environ.pop(FDS, "")
    if not ours:
        return 0, []
    return int(old), [int(each) for each in fds.split(",") if each.isdigit()]


def environment(
    base: Mapping[str, str], master: int, fds: Sequence[int], systemd: bool
) -> dict[str, str]:
    """The environment of the new master, which is this process from now on."""
    stale = {PID, FDS, "LISTEN_PID", "LISTEN_FDS"}
    made = {name: value for name, value in base.items() if name not in stale}
    made[PID] = str(master)
    if systemd:
        made["LISTEN_PID"] = str(os.getpid())
        made["LISTEN_FDS"] = str(len(fds))
    else:
        made[FDS] = ",".join(map(str, fds))
    return made


def execute(start: Start, env: dict[str, str], fds: Sequence[int], systemd: bool) -> None:
    """Become the new program. Returns only by an OSError."""
    if systemd:
        # The protocol counts from 3 upwards. First out of the way, then each to its place.
        spare = _above(fds, SD_LISTEN_FDS_START + len(fds))
        for place, fd in enumerate(spare, SD_LISTEN_FDS_START):
            os.dup2(fd, place, inheritable=True)
    else:
        for fd in fds:
            os.set_inheritable(fd, True)
    os.chdir(start.directory)
    os.execvpe(start.words[0], start.words, env)


def _above(fds: Sequence[int], least: int) -> list[int]:
    import fcntl  # noqa: PLC0415 - used once in the life of a server

    return [fcntl.fcntl(fd, fcntl.F_DUPFD, least) for fd in fds]
