"""Starts the servers of tests by forking a process that has licorne loaded.

There are thousands of starts, and most of what each cost was to load the same modules again. A
server is executed, as a user does it, where a test says so or gives what only a new process reads,
and everywhere with `EXECUTE_SERVERS=1`.
"""

from __future__ import annotations

import atexit
import os
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from e2e.forking import BETWEEN
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EXECUTED = bool(os.environ.get("EXECUTE_SERVERS"))
PROGRAM = Path(__file__).with_name("forking.py")
#: How a server is told to start that can be forked.
WORDS = [sys.executable, "-m", "licorne"]
#: What the loader and the interpreter read once, when a process is executed: a server with such a
#: variable needs a process of its own. Other variables of the interpreter need a fork server each.
READ_ONCE = ("LD_", "PYTHONPATH")
#: What all servers load, and those of each worker type.
MODULES = [
    *("licorne.app.wsgiapp", "licorne.arbiter", "licorne._engine", "licorne.master.handover"),
    *("licorne.config.cli", "licorne.config.check", "licorne.config.helppage", "faulthandler"),
]
MODULES_OF = {
    "sync": ["licorne.workers.sync"],
    "gthread": ["licorne.workers.gthread"],
    "gevent": ["licorne.workers.ggevent"],
    "eventlet": ["licorne.workers.geventlet"],
    "tornado": ["licorne.workers.gtornado", "tornado.platform.asyncio"],
    "asgi": ["licorne.workers.gasgi", "uvloop"],
}


class Forked:
    """A server that was forked, to be handled as a `subprocess.Popen`."""

    def __init__(self, stdout: int, stderr: int, report: int) -> None:
        self.stdout: IO[bytes] = open(stdout, "rb", buffering=0)  # noqa: SIM115
        self.stderr: IO[bytes] = open(stderr, "rb", buffering=0)  # noqa: SIM115
        self._report = open(report, "rb", buffering=0)  # noqa: SIM115
        self._code: int | None = None
        self.pid = self._told(PATIENCE)

    def poll(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        """The same when it has ended, which has to be within `timeout` seconds."""
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(self._told(timeout))
            self._report.close()
        return self._code

    def _told(self, timeout: float) -> int:
        """The next number in the report, within so many seconds."""
        poll = select.poll()
        poll.register(self._report, select.POLLIN)
        if not poll.poll(timeout * 1000):
            raise subprocess.TimeoutExpired("a forked server", timeout)
        line = self._report.readline()
        if not line:
            raise EOFError("the process that forks servers has ended")
        return int(line)


class ForkServer:
    """A process that has modules loaded and forks servers, with an environment to begin with."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._asks, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(theirs.fileno()), *modules],
                env=environment,
                stdin=subprocess.DEVNULL,
                # As those of a server, pipes: Python has looked at what it writes to.
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.end)

    def fork(self, words: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Forked:
        """A server that believes to be `python -m MODULE WORD...`; `words` begin with `-m`."""
        fields = [str(len(words)), str(cwd), *words]
        fields += [f"{name}={value}" for name, value in environment.items()]
        pipes = [os.pipe() for _ in ("stdout", "stderr", "report")]
        message = BETWEEN.join(map(os.fsencode, fields))
        socket.send_fds(self._asks, [message], [theirs for _, theirs in pipes])
        for _, theirs in pipes:
            os.close(theirs)
        try:
            return Forked(*(ours for ours, _ in pipes))
        except EOFError as error:
            raise AssertionError(self._process.communicate()[1].decode()) from error

    def end(self) -> None:
        """No more servers are wanted."""
        self._asks.close()
        self._process.communicate(timeout=PATIENCE)


#: By their modules and by the variables of the interpreter.
_servers: dict[tuple[str, frozenset[tuple[str, str]]], ForkServer] = {}


def start(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], *, executed: bool = False
) -> Forked | subprocess.Popen[bytes]:
    """A server in a session of its own, with its output in pipes."""
    if (
        EXECUTED
        or executed
        or list(words[:3]) != WORDS
        or any(name.startswith(READ_ONCE) for name in environment)
    ):
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    said = words[words.index("-k") + 1] if "-k" in words else ""
    kind = said if said in MODULES_OF else "sync"
    own = frozenset(pair for pair in environment.items() if pair[0].startswith("PYTHON"))
    if (kind, own) not in _servers:
        _servers[kind, own] = ForkServer(MODULES + MODULES_OF[kind], environment)
    return _servers[kind, own].fork(words[1:], cwd, environment)
