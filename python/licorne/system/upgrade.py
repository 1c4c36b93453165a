"""Exchanging the running program (USR2): a new master is executed with the sockets of the old one.

What goes over is told in the environment with gunicorn's names, so that either server can be
exchanged for the other: GUNICORN_PID is the old master, GUNICORN_FD lists the listening sockets.
GUNICORN_FD_ADDRESSES adds what the configuration called them (JSON), to be compared with a new one.
Sockets from systemd go on as such (LISTEN_PID, LISTEN_FDS; sd_listen_fds(3)).
"""

from __future__ import annotations

import os
import sys

from licorne.config.convert import working_directory
from licorne.systemd import SD_LISTEN_FDS_START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import ClassVar

    from licorne.config.convert import Address
    from licorne.sock import BaseSocket

PID, FDS, ADDRESSES = "GUNICORN_PID", "GUNICORN_FD", "GUNICORN_FD_ADDRESSES"
#: Where metrics are served (`metrics.endpoint.Legacy`).
METRICS = "GUNICORN_FD_METRICS"


class Inheritance:
    """What another master has left to this one; nothing when its process id is 0."""

    def __init__(
        self, master: int, fds: Sequence[int], addresses: Sequence[Address], metrics: str = ""
    ) -> None:
        self.master = master
        #: The socket of the metrics, as `metrics.endpoint` has written it down.
        self.metrics = metrics
        self.fds = fds
        #: As configured; empty when the old master was no licorne.
        self.addresses = addresses


class Start:
    """How this program was started, so that it can be started the same way again."""

    def __init__(self, directory: str) -> None:
        #: As the shell called it: a link to the present release stays a link.
        self.directory = directory
        # As typed: also `python -m`, flags of the interpreter, and scripts of any installer.
        self.words = [sys.executable, *sys.orig_argv[1:]]
        #: What is executed; its first word is only its name.
        self.program = sys.executable

    #: gunicorn's keys, for the hook `pre_exec`.
    _KEYS: ClassVar[dict[object, str]] = {0: "program", "args": "words", "cwd": "directory"}

    def __getitem__(self, key: object) -> object:
        value: object = getattr(self, self._KEYS[key])
        return value

    def __setitem__(self, key: object, value: str | list[str]) -> None:
        setattr(self, self._KEYS[key], value)


def start_of(app: object) -> Start:
    """How the program of an application was started; one that did not note it was started here."""
    noted = getattr(app, "started_as", None)
    return noted if isinstance(noted, Start) else Start(working_directory())


def executed() -> bool:
    """Whether another master has executed this program and waits to be replaced by it."""
    # A program that the old master started otherwise has the variable too, and another parent.
    old = os.environ.get(PID, "")
    return old.isdigit() and int(old) == os.getppid()


def inherit() -> Inheritance:
    """Take what the old master left, if there is one.

    The variables go out of the environment: they are true once, and only for this process.
    """
    ours = executed()
    old, fds, names, metrics = (os.environ.pop(name, "") for name in (PID, FDS, ADDRESSES, METRICS))
    if not ours:
        return Inheritance(0, (), ())
    numbers = [int(each) for each in fds.split(",") if each.isdigit()]
    return Inheritance(int(old), numbers, _addresses(names, len(numbers)), metrics)


def _addresses(text: str, count: int) -> list[Address]:
    if not text:
        return []
    import json  # noqa: PLC0415 - not in the life of most servers

    told: list[str | list[str | int]] = json.loads(text)
    made: list[Address] = [
        each if isinstance(each, str) else (str(each[0]), int(each[1])) for each in told
    ]
    return made if len(made) == count else []


def environment(
    base: Mapping[str, str], master: int, listeners: Sequence[BaseSocket], systemd: bool
) -> dict[str, str]:
    """The environment of the new master, which is this process from now on."""
    import json  # noqa: PLC0415 - as above

    stale = {PID, FDS, ADDRESSES, METRICS, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}
    # The watchdog watches the main process of the service, which the new master will be.
    stale.add("WATCHDOG_PID")
    made = {name: value for name, value in base.items() if name not in stale}
    made[PID] = str(master)
    if systemd:
        made["LISTEN_PID"] = str(os.getpid())
        made["LISTEN_FDS"] = str(len(listeners))
    else:
        made[FDS] = ",".join(str(each.fileno()) for each in listeners)
        made[ADDRESSES] = json.dumps([each.cfg_addr for each in listeners])
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
    os.execvpe(start.program, start.words, env)


def _above(fds: Sequence[int], least: int) -> list[int]:
    import fcntl  # noqa: PLC0415 - used once in the life of a server

    return [fcntl.fcntl(fd, fcntl.F_DUPFD, least) for fd in fds]
