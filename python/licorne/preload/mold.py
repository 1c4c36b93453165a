"""The mold (`--preload`): a process that has loaded the application and forks the workers from it.

The master stays clean, and to load new code is to make a new mold. A worker is forked twice over:
the process between ends at once, and the orphan becomes a child of the nearest subreaper, which is
the master (PR_SET_CHILD_SUBREAPER, prctl(2)). Sockets come with each order: a mold holds none.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from importlib import invalidate_caches

from licorne.errors import AppImportError
from licorne.supervisor.tables import BOOT_ERRORS
from licorne.system import process, unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from signal import Signals
    from typing import NoReturn, Protocol

    from licorne.glogging import Logger
    from licorne.workers.base import Worker

    class MasterCopy(Protocol):
        """The mold's copy of the master, which hooks get as `server`."""

        signals: Sequence[Signals]
        log: Logger

        def load(self) -> None:
            """Load the application."""

        def prepare(self, order: Order, fds: Sequence[int]) -> Worker:
            """A worker made as the master made its own, for the same slot."""

        def before_fork(self, worker: Worker) -> None:
            """Run the hook pre_fork."""

        def forked(self, worker: Worker, pid: int) -> None:
            """In the mold: the worker has this process id."""

        def live(self, worker: Worker) -> NoReturn:
            """In the new worker: serve."""


WORKER_BOOT_ERROR, APP_LOAD_ERROR = BOOT_ERRORS
#: Longest message, and most descriptors with it (SCM_MAX_FD of the kernel is 253).
LONGEST = 65536
MOST_FDS = 253

READY = b"ready"
REOPEN = b"reopen"


class View:
    """The workers as the master sees them, for `server.WORKERS` of the hooks in a mold."""

    __slots__ = ("pending", "target", "workers")

    def __init__(
        self,
        target: int,
        workers: Sequence[tuple[int, int, bool]] = (),
        pending: Sequence[int] = (),
    ) -> None:
        #: The wanted number.
        self.target = target
        #: Process id, age, and whether it is to stay.
        self.workers = workers
        #: Ages of those that were ordered and are not known to the master yet.
        self.pending = pending

    def encode(self) -> str:
        """As words of a message."""
        workers = ",".join(f"{pid}:{age}:{stays:d}" for pid, age, stays in self.workers)
        pending = ",".join(map(str, self.pending))
        return f"{self.target} {workers or '-'} {pending or '-'}"

    @classmethod
    def decode(cls, target: str, workers: str, pending: str) -> View:
        """From the words of a message."""
        listed = [each.split(":") for each in workers.split(",") if workers != "-"]
        return cls(
            int(target),
            [(int(pid), int(age), stays == "1") for pid, age, stays in listed],
            [int(age) for age in pending.split(",") if pending != "-"],
        )


class Order:
    """A worker that the master wants, as far as a number can say."""

    __slots__ = ("age", "handover", "redirects", "slot", "socket_set", "view")

    def __init__(
        self,
        age: int,
        slot: int,
        socket_set: int,
        redirects: int = 0,
        *,
        handover: bool,
        view: View,
    ) -> None:
        self.age = age
        self.slot = slot
        self.socket_set = socket_set
        #: So many of the sockets, the last ones, send clients on to TLS.
        self.redirects = redirects
        #: The queue by which workers hand connections to each other comes with the sockets.
        self.handover = handover
        self.view = view

    def encode(self) -> bytes:
        """As a message to the mold."""
        numbers = f"{self.age} {self.slot} {self.socket_set} {self.redirects}"
        return f"fork {numbers} {int(self.handover)} {self.view.encode()}".encode()

    @classmethod
    def decode(cls, message: bytes) -> Order:
        """From a message of the master."""
        match message.decode().split():
            case ["fork", age, slot, number, redirects, handover, target, workers, pending]:
                view = View.decode(target, workers, pending)
                numbers = int(age), int(slot), int(number), int(redirects)
                return cls(*numbers, handover=handover == "1", view=view)
        raise ValueError(f"not an order of the master: {message!r}")


class Answer:
    """What became of an order: a process id, or 0 and the reason."""

    __slots__ = ("age", "pid", "reason")

    def __init__(self, age: int, pid: int, reason: str = "") -> None:
        self.age = age
        self.pid = pid
        self.reason = reason

    def encode(self) -> bytes:
        """As a message to the master."""
        return f"spawned {self.age} {self.pid} {self.reason}".encode()[:LONGEST]

    @classmethod
    def decode(cls, message: bytes) -> Answer:
        """From a message of the mold."""
        word, age, pid, reason = message.decode("utf-8", "replace").split(" ", 3)
        if word != "spawned":
            raise ValueError(f"not an answer of a mold: {message!r}")
        return cls(int(age), int(pid), reason)


def live(master: MasterCopy, channel: socket.socket, *, again: bool) -> NoReturn:
    """Load the application, say so, and fork workers until the master closes the channel.

    `again` says that the last one has failed, and that why was told at length.
    """
    # Signals of a terminal reach the whole group, and what they mean is the master's to decide.
    process.deafen(master.signals)
    _load(master, again=again)
    process.deafen(master.signals)
    with channel, suppress(BrokenPipeError, ConnectionResetError):  # the master was killed
        _serve(master, channel)
    sys.exit(0)


def _serve(master: MasterCopy, channel: socket.socket) -> None:
    channel.send(READY)
    while True:
        message, fds, _, _ = socket.recv_fds(channel, LONGEST, MOST_FDS)
        if not message:
            return
        if message == REOPEN:
            master.log.reopen_files()
        else:
            _obey(master, channel, Order.decode(message), fds)


def _load(master: MasterCopy, *, again: bool) -> None:
    try:
        # Modules may have been written since the master looked into their folders.
        invalidate_caches()
        master.load()
    except AppImportError as error:
        # The user's mistake in naming the application: one line, no traceback.
        process.say_last(error)
        sys.exit(APP_LOAD_ERROR)
    except SystemExit as leaving:
        # The application's own: it must not end mold after mold without a word.
        master.log.exception("The application left while it was loaded: status %r", leaving.code)
        raise
    except Exception as error:
        # The rim of the mold: the user's code is loaded here.
        if again:
            name = type(error).__name__
            said = "The application still cannot be loaded: %s: %s"
            master.log.error(said, name, error)  # noqa: TRY400 - the traceback was told
        else:
            master.log.exception("Exception while preloading the application")
        sys.exit(WORKER_BOOT_ERROR)


def _obey(master: MasterCopy, channel: socket.socket, order: Order, fds: Sequence[int]) -> None:
    worker = master.prepare(order, fds)
    try:
        master.before_fork(worker)
        pid, gate = _fork_orphan(master.signals)
    except Exception as error:
        # The hook is the user's; a fork fails when the system has no room for another process.
        master.log.exception("Cannot fork a worker")
        answer = Answer(order.age, 0, str(error))
    else:
        if pid == 0:
            channel.close()
            master.live(worker)
        master.forked(worker, pid)
        answer = Answer(order.age, pid)
        # The master has to know of its child before that can end, and has to be its parent.
        channel.send(answer.encode())
        gate.send(b"\1")
        gate.close()
    if not answer.pid:
        channel.send(answer.encode())
    for each in worker.sockets:
        each.close()
    for fd in (worker.stack_pipe, *(worker.handover or ())):
        unpatched.close(fd)


def _fork_orphan(signals: Sequence[Signals]) -> tuple[int, socket.socket]:
    """Fork a process that is no child of this one: its id here, and 0 in itself.

    It waits until the other end of the gate says that the master knows of it, and ends if the gate
    is closed without that.
    """
    ours, theirs = socket.socketpair()
    between = process.fork(signals)
    if between == 0:
        ours.close()
        _orphan(signals, theirs)
        theirs.close()
        return 0, ours
    theirs.close()
    told = ours.recv(32)
    with suppress(ChildProcessError):  # the application may have children reaped by the kernel
        unpatched.waitpid(between, 0)
    if not told:
        ours.close()
        raise OSError("the process between the mold and the worker has ended too early")
    return int(told), ours


def _orphan(signals: Sequence[Signals], gate: socket.socket) -> None:
    """In the process between: fork and end. In the orphan: wait for the word, and return."""
    status = 1
    try:
        pid = process.fork(signals)
        if pid == 0:
            status = 0
            if gate.recv(1):
                return
        else:
            gate.send(str(pid).encode())
            status = 0
    except OSError as error:
        process.say_last(f"Cannot fork a worker: {error}")
    os._exit(status)
