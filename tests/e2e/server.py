"""A licorne process under test.

It is started as a user starts it, on a port that the kernel chooses, and read as a user reads it:
by the lines it logs. Nothing here sleeps: a test waits for a line, for bytes or for an exit.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from e2e import forkserver, transport
from e2e.client import Client
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

APPS = Path(__file__).with_name("apps")
#: The end of a worker, by itself; TERM ends one that boots, before it has its handlers.
ENDED = r"Worker exiting \(pid: {0}\)|Worker \(pid:{0}\) was sent SIGTERM"
LISTENING = re.compile(r"Listening at: .*https?://127\.0\.0\.1:(\d+)")
CONTROL = re.compile(r"Control socket listening at (\S+)")
BOOTING = re.compile(r"Booting worker with pid: (\d+)")
#: For a server whose test has to know when workers serve (`Server.ready`): the log says only when
#: they begin to boot.
READY_CONF = APPS / "ready.conf.py"
TELLS_READY = ("-c", str(READY_CONF))


class Lines:
    """The lines of a stream, read by a thread as they come."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        #: The beginning of the next one.
        self._part = b""
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def all(self) -> list[str]:
        """The lines so far, with all that was written before what the test has seen."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._unread(), PATIENCE)
            return list(self._lines)

    def wait_for(self, pattern: str | re.Pattern[str], count: int = 1) -> re.Match[str]:
        """The match of the `count`-th line that contains the pattern, as soon as it is there."""
        found: list[re.Match[str]] = []
        seen = 0

        def enough() -> bool:
            nonlocal seen
            found.extend(m for line in self._lines[seen:] if (m := re.search(pattern, line)))
            seen = len(self._lines)
            return len(found) >= count or self._ended

        with self._changed:
            self._changed.wait_for(enough, PATIENCE)
        if len(found) < count:
            shown = "\n".join(self._lines)
            raise AssertionError(f"{len(found)} of {count} lines match {pattern!r} in:\n{shown}")
        return found[count - 1]

    def matching(self, pattern: str | re.Pattern[str]) -> list[str]:
        """The lines so far that contain the pattern."""
        return [line for line in self.all() if re.search(pattern, line)]

    def rest(self) -> list[str]:
        """All lines, once the stream has ended."""
        self._thread.join(PATIENCE)
        self._stream.close()
        return self.all()

    def _unread(self) -> int:
        """Bytes in the pipe (`FIONREAD`, ioctl_tty(2))."""
        (count,) = struct.unpack("i", fcntl.ioctl(self._stream, termios.FIONREAD, bytes(4)))
        return int(count)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._stream, select.POLLIN)
        while not self._ended:
            # What was taken out of the pipe is among the lines before anything can look.
            poll.poll()
            with self._changed:
                data = os.read(self._stream.fileno(), 1 << 16)
                *lines, self._part = (self._part + data).split(b"\n")
                if not data:
                    self._ended = True
                    lines = [self._part] if self._part else []
                self._lines += [line.decode("utf-8", "replace") for line in lines]
                self._changed.notify_all()


class Server:
    """A master process with its workers; without an `app`, its configuration names it.

    `executed`: not forked from a process that has licorne loaded (`forkserver`).
    """

    def __init__(
        self,
        app: str,
        *args: str,
        bind: Sequence[str] = ("127.0.0.1:0",),
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-m", "licorne"),
        python: str = sys.executable,
        executed: bool = False,
    ) -> None:
        binds = [part for address in bind for part in ("-b", address)]
        # No other server has the usual path of its control socket.
        self._runtime = tempfile.TemporaryDirectory(prefix="lc")
        runtime = {"XDG_RUNTIME_DIR": self._runtime.name}
        self._process = forkserver.start(
            [python, *program, *binds, *args, *transport.arguments(), *([app] if app else [])],
            cwd,
            _environment() | runtime | (environment or {}),
            executed=executed,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.pid = self._process.pid
        self.log = Lines(self._process.stderr)
        self.output = Lines(self._process.stdout)
        self.tolerates_tracebacks = False

    @property
    def port(self) -> int:
        """The port of the first TCP listener, as the start-up line tells it."""
        return int(self.log.wait_for(LISTENING).group(1))

    @property
    def url(self) -> str:
        """Where an HTTP client finds the server."""
        return f"http://127.0.0.1:{self.port}"

    def control_socket(self) -> str:
        """Where it can be asked, once it can: the socket is made behind the first workers."""
        return self.log.wait_for(CONTROL).group(1)

    def worker_pid(self, number: int = 1) -> int:
        """The process id of the `number`-th worker that was booted."""
        return int(self.log.wait_for(BOOTING, number).group(1))

    def gone(self, pid: int) -> None:
        """Wait for the end of a worker that was told to go, whether it had come to serve or not."""
        self.log.wait_for(ENDED.format(pid))

    def ready(self, count: int) -> None:
        """Wait until so many workers, since the start, have come to serve (with `TELLS_READY`)."""
        try:
            self.output.wait_for("worker ready", count)
        except AssertionError as error:
            raise AssertionError("\n".join(self.log.all())) from error

    def client(self) -> Client:
        """A new connection."""
        return Client.tcp(self.port)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one request on a connection of its own."""
        with self.client() as client:
            client.get(path, close=True)
            answer = client.response()
        return answer.status, answer.body

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        os.kill(self.pid, number)

    def runs(self) -> bool:
        """Whether the master has not ended."""
        return self._process.poll() is None

    def wait(self) -> int:
        """The exit code, when the master has ended."""
        return self._process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the server with a signal to its master; the exit code."""
        if self.runs():
            self.send(number)
        try:
            return self.wait()
        finally:
            self.kill()

    def kill(self) -> None:
        """Leave nothing behind, whatever happened: the group is this server's own."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        else:
            self._process.wait(PATIENCE)
        self.log.rest()
        self.output.rest()
        self._runtime.cleanup()

    def finish(self) -> None:
        """Stop, and check that it ended well: exit code 0 and no unexpected traceback."""
        running = self.runs()
        code = self.stop()
        lines = self.log.rest()
        shown = "\n".join(lines)
        if running:
            assert code == 0, f"exit code {code}:\n{shown}"
        if not self.tolerates_tracebacks:
            assert not [line for line in lines if line.startswith("Traceback")], shown
        assert not [line for line in lines if "panicked" in line], shown


class Serve(Protocol):
    """Starts a server for one test; it is stopped, and looked at, when the test ends."""

    def __call__(
        self,
        app: str,
        *args: str,
        bind: Sequence[str] = ("127.0.0.1:0",),
        cwd: Path = APPS,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-m", "licorne"),
        python: str = sys.executable,
        tracebacks: bool = False,
        executed: bool = False,
    ) -> Server: ...


def _environment() -> dict[str, str]:
    """Ours, without what would configure the server behind the test's back."""
    ours = {"PORT", "WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "LICORNE_CMD_ARGS", "SENDFILE"}
    ours |= {"FORWARDED_ALLOW_IPS", "SCRIPT_NAME", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith("LICORNE_")
    }
    # eventlet's own DNS client takes longer to import than all the rest; no test looks up names.
    return {"EVENTLET_NO_GREENDNS": "yes"} | kept | {"PYTHONUNBUFFERED": "1"}


def open_gate(fifo: str) -> None:
    """Let go an application that waits for the pipe to be written to."""
    with Path(fifo).open("wb"):
        pass


@contextmanager
def opened(*gates: str) -> Iterator[None]:
    """Meanwhile a request that comes to one of the pipes, or waits there, goes on; none has to."""
    pipes = [os.open(gate, os.O_RDWR) for gate in gates]
    for pipe in pipes:
        os.write(pipe, b"x")
    yield
    for pipe in pipes:
        os.close(pipe)
