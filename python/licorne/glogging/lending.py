"""Log files that a worker cannot open: the master, which may be root, lends the descriptor.

After a rotation a worker with another user opens the new file itself if it can. A folder that only
root may enter keeps it from that; then it asks the master, which has opened the file already. The
C sockets are used: a patched standard library must not switch greenlets in a signal handler.
"""

from __future__ import annotations

import _socket
import os
from array import array
from contextlib import suppress

from licorne.glogging import handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.glogging import Logger

#: Longest path, and seconds that the master has for its answer.
LONGEST = 4096
PATIENCE = 5.0


class Lender:
    """The master's end; workers inherit the other one."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._ours, self._theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        handlers.lender = self

    def fileno(self) -> int:
        """What the master's loop waits for."""
        return self._ours.fileno()

    def answer(self, _mask: int = 0) -> None:
        """Lend what is asked for, if it is a log file of this process."""
        try:
            asked, fds = _receive(self._ours, LONGEST)
        except BlockingIOError:
            return
        path = os.fsdecode(asked)
        lent = _descriptor(path)
        for fd in fds:
            reply = _socket.socket(fileno=fd)
            try:
                if lent is not None:
                    _send(reply, b"lent", lent)
            except OSError as error:
                self._log.debug("A worker did not wait for the log %s: %s", path, error)
            finally:
                reply.close()

    def borrow(self, path: str) -> int | None:
        """In a worker: a descriptor of a file that the master has open; None if it lends none."""
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        try:
            # The master that is gone or busy lends nothing: the caller says what that means.
            with suppress(OSError):
                _send(self._theirs, os.fsencode(path), theirs.fileno())
                theirs.close()
                ours.settimeout(PATIENCE)
                _, fds = _receive(ours, LONGEST)
                return fds[0] if fds else None
        finally:
            theirs.close()
            ours.close()
        return None

    def leave(self) -> None:
        """In a process that is not the master: only borrow."""
        self._ours.close()


def _descriptor(path: str) -> int | None:
    for handler in handlers.of_files():
        if handler.baseFilename == path and handler.stream is not None:
            return handler.stream.fileno()
    return None


def _send(through: _socket.socket, text: bytes, fd: int) -> None:
    through.sendmsg([text], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array("i", [fd]))])


def _receive(through: _socket.socket, longest: int) -> tuple[bytes, list[int]]:
    room = _socket.CMSG_SPACE(array("i").itemsize)
    text, controls, _, _ = through.recvmsg(longest, room)
    fds = array("i")
    for _level, kind, content in controls:
        if kind == _socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    return text, list(fds)
