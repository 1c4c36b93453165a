"""Where a control socket is: a path, or an abstract name of Linux (unix(7)), written `@name`.

A path belongs to the server that listens there: a second one never takes it away, and what a
crashed one left behind is replaced. Only the file that this process made is removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import sys

from licorne.system import unpatched

#: Connections that may wait to be accepted.
BACKLOG = 16
ABSTRACT_PREFIX = "@licorne-ctl-"


class Endpoint:
    """A listening control socket."""

    def __init__(self, sock: socket.socket, name: str) -> None:
        self.sock = sock
        self.name = name
        self.abstract = name.startswith("@")
        self._maker = os.getpid()
        self._file = None if self.abstract else _identity(name)
        sock.setblocking(False)
        sock.listen(BACKLOG)

    def close(self) -> None:
        """Stop listening in this process; the process that made the file removes it."""
        self.sock.close()
        if self._file is None or os.getpid() != self._maker:
            return
        try:
            if _identity(self.name) == self._file:
                os.unlink(self.name)
        except FileNotFoundError:
            # It was removed already.
            return


def _identity(path: str) -> tuple[int, int, int]:
    found = os.lstat(path)
    # The time too: the number of a removed file is given to the next one.
    return found.st_dev, found.st_ino, found.st_mtime_ns


def take(name: str, mode: int) -> Endpoint:
    """Listen at a path, or at `@name`; an OSError says why that cannot be."""
    if not name:
        raise OSError(errno.ENOENT, "this user has no home directory")
    if name.startswith("@"):
        return _bound(name, 0o600)
    directory = os.path.dirname(name)
    # Only the last folder: a home that is not there must not be made by root.
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, 0o700)
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(lock)
        _clear(name)
        return _bound(name, mode)
    finally:
        unpatched.close(lock)


def take_abstract(pid: int) -> Endpoint:
    """Listen at an abstract name with the process id in it."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, "abstract sockets are a feature of Linux")
    name = f"{ABSTRACT_PREFIX}{pid}"
    try:
        return _bound(name, 0o600)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    # Containers that share a network may each have a process of this number.
    return _bound(f"{name}-{os.urandom(3).hex()}", 0o600)


def address(name: str) -> str:
    """The address of an endpoint for `bind` and `connect`."""
    return "\0" + name[1:] if name.startswith("@") else name


def _bound(name: str, mode: int) -> Endpoint:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Narrow from the first moment: a chmod after bind() would leave a gap.
    before = os.umask(0o777 & ~mode)
    try:
        sock.bind(address(name))
        return Endpoint(sock, name)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)


def _lock(directory: int) -> None:
    """Let two servers that start together not remove each other's fresh socket."""
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # Another is at it this moment, or the file system knows no locks: there is no waiting here.
        return


def _clear(path: str) -> None:
    """Remove what a server that has ended left at the path."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise FileExistsError(errno.EEXIST, "there is a file of another kind")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            # It listens, and more clients wait than it lets wait.
            pass
    raise OSError(errno.EADDRINUSE, "another server listens there")
