"""The file that tells others the master's process id."""

from __future__ import annotations

import os


class Pidfile:
    """Written whole or not at all; never taken from a living server."""

    def __init__(self, fname: str) -> None:
        self.fname = fname
        self.pid: int | None = None

    def create(self, pid: int) -> None:
        """Write the file; a RuntimeError says that another server holds it."""
        try:
            holder = self.validate()
            if holder == os.getpid():
                return
            if holder:
                raise RuntimeError(
                    f"Already running on PID {holder} (or pid file '{self.fname}' is stale)"
                )
            self._write(pid)
        except OSError as error:
            raise RuntimeError(f"Cannot use the pid file '{self.fname}': {error}") from error
        self.pid = pid

    def rename(self, path: str) -> None:
        """Move to another name."""
        self.unlink()
        self.fname = path
        self.create(self.pid or os.getpid())

    def unlink(self) -> None:
        """Remove the file if it still holds our process id."""
        if self.pid is None:
            return
        try:
            if self._read() == self.pid:
                os.unlink(self.fname)
        except OSError:
            # Out of our reach by now. It names a dead process soon: the next server replaces it.
            return

    def validate(self) -> int | None:
        """The id of the living process that the file names, if any."""
        pid = self._read()
        if not pid:
            return None
        try:
            os.kill(pid, 0)
        except PermissionError:  # alive, and another user's
            return pid
        except (ProcessLookupError, OverflowError):
            return None
        return pid

    def _read(self) -> int | None:
        try:
            with open(self.fname, encoding="ascii", errors="replace") as file:
                word = file.read(64).strip()
        except FileNotFoundError:
            return None
        return int(word) if word.isdigit() else None

    def _write(self, pid: int) -> None:
        fname = self.fname
        folder = os.path.dirname(fname)
        if folder and not os.path.isdir(folder):
            raise RuntimeError(f"{folder} doesn't exist. Can't create pidfile.")
        # Beside the target, so that the rename is one step on one file system.
        temporary = f"{fname}.{os.getpid()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(temporary, flags, 0o644)
        try:
            os.write(fd, f"{pid}\n".encode())
            os.fchmod(fd, 0o644)
        finally:
            os.close(fd)
        os.rename(temporary, fname)
