"""What systemd offers a service: sockets that are already open, and a place to tell one's state.

The protocols of sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3), in the few lines that
they need. `SystemdNotifier` decides what is told, and when; nothing is told unless systemd asks.
"""

# ruff: noqa: PLC0415 - socket only when systemd listens

from __future__ import annotations

import os
import time

from licorne.system import unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from licorne.glogging import Logger

#: The first inherited descriptor (sd_listen_fds(3)).
SD_LISTEN_FDS_START = 3
#: Longest time, in seconds, that a message may wait for a busy systemd.
PATIENCE = 1.0
#: The variables of socket activation: they name descriptors of this process alone.
_ACTIVATION = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def listen_fds(unset_environment: bool = True) -> int:
    """How many sockets systemd has opened for this process, from descriptor 3 upwards."""
    fds = _number("LISTEN_FDS")
    if _number("LISTEN_PID") != os.getpid():
        return 0
    if unset_environment:
        for name in _ACTIVATION:
            os.environ.pop(name, None)
    return fds


def sd_notify(state: str, logger: Logger, unset_environment: bool = False) -> None:
    """Tell systemd a state such as `READY=1`, if it asked to be told."""
    if not os.environ.get("NOTIFY_SOCKET"):
        return
    try:
        notify(state)
    except OSError as error:
        logger.debug("%s", error)
    finally:
        if unset_environment:
            os.environ.pop("NOTIFY_SOCKET", None)


def notify(state: str, fds: Sequence[int] = ()) -> None:
    """Send a message, and descriptors with it; an OSError says why it did not arrive."""
    import socket

    address = os.environ.get("NOTIFY_SOCKET", "")
    # An abstract socket is written with @ and named with a leading NUL.
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(name)
            if fds:
                socket.send_fds(sock, [state.encode()], fds)
            else:
                sock.sendall(state.encode())
    except OSError as error:
        raise OSError(f"Cannot notify systemd at {address!r}: {error}") from error


def sd_notify_barrier(seconds: float) -> None:
    """Wait until systemd has read every message that was sent before; TimeoutError if it has not.

    sd_notify_barrier(3): systemd closes the descriptor that comes with the message. So does every
    reader that does not know the message, systemd before 246 too.
    """
    ours, theirs = os.pipe()
    try:
        try:
            notify("BARRIER=1", [theirs])
        finally:
            unpatched.close(theirs)
        waiting = unpatched.poll()
        # The end of the other side is told without being asked for.
        waiting.register(ours, 0)
        if not waiting.poll(seconds * 1000):
            raise TimeoutError(f"systemd has not read its messages within {seconds:g} s")
    finally:
        unpatched.close(ours)


def watchdog_interval() -> float | None:
    """How often systemd wants a sign of life: seconds, half of its limit; None for never."""
    limit = _number("WATCHDOG_USEC")
    # Without WATCHDOG_PID every process of the service is meant (sd_watchdog_enabled(3)).
    if limit <= 0 or _number("WATCHDOG_PID") not in {0, os.getpid()}:
        return None
    return limit / 2_000_000


def _number(name: str) -> int:
    word = os.environ.get(name, "").strip()
    return int(word) if word.isascii() and word.isdigit() else 0


class WorkerCounts:
    """How the workers stand: those of the newest generation that serve, and all others."""

    __slots__ = ("booting", "leaving", "older", "serving", "stopping", "wanted")

    def __init__(  # noqa: PLR0917 - made in one place, in this order
        self,
        wanted: int,
        serving: int,
        older: int = 0,
        booting: int = 0,
        leaving: int = 0,
        stopping: bool = False,
    ) -> None:
        self.wanted = wanted
        self.serving = serving
        #: Serving, of an older generation.
        self.older = older
        self.booting = booting
        self.leaving = leaving
        #: The server ends.
        self.stopping = stopping

    @property
    def able(self) -> bool:
        """A worker serves, or none is wanted."""
        return self.serving + self.older > 0 or self.wanted == 0

    @property
    def renewed(self) -> bool:
        """The newest generation serves alone."""
        return self.serving >= self.wanted and not self.older

    def __str__(self) -> str:
        told = f"{self.serving + self.older} of {self.wanted} workers serve"
        beside = {
            "of an older generation": self.older,
            "starting": self.booting,
            "leaving": self.leaving,
        }
        return ", ".join([told, *(f"{count} {what}" for what, count in beside.items() if count)])


class SystemdNotifier:
    """Tells systemd what becomes of the server; each thing once."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        #: systemd has asked to be notified.
        self.enabled = bool(os.environ.get("NOTIFY_SOCKET"))
        self._interval = watchdog_interval() if self.enabled else None
        self._next_ping = time.monotonic()
        #: READY=1 is owed: at the start, and after RELOADING=1.
        self._waits = True
        self._up = self._renews = False
        self._stops = False
        self._status = ""

    def look(self, counts: WorkerCounts) -> None:
        """Tell what has changed: ready, stopping, the numbers of workers."""
        if not self.enabled:
            return
        lines = []
        if counts.stopping and not self._stops:
            self._stops = True
            self._waits = False
            lines.append("STOPPING=1")
        if self._waits and (counts.renewed if self._renews else counts.able):
            self._waits = self._renews = False
            self._up = True
            lines.append("READY=1")
        status = f"STATUS={counts}"
        if lines or status != self._status:
            self._status = status
            self._tell(*lines, status)

    def reloading(self) -> None:
        """A new generation begins; ready is told again when it serves."""
        self._waits = self._renews = True
        # Type=notify-reload compares it with the time of its own signal (sd_notify(3)).
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def refused(self, reason: str) -> None:
        """The reload has ended before it began: the present generation stays."""
        self._waits = not self._up
        self._renews = False
        said = ["READY=1"] if self._up else []
        self._tell(*said, f"STATUS=Reload refused: {' '.join(reason.split())}")

    def main_pid(self, pid: int) -> None:
        """Another process is the service's main one from now on (a new master took over)."""
        self._tell(f"MAINPID={pid}")

    def wake_after(self, now: float) -> float | None:
        """Seconds until a sign of life is due; None when systemd wants none."""
        return None if self._interval is None else max(0.0, self._next_ping - now)

    def live(self, now: float) -> None:
        """Give a sign of life if it is due."""
        if self._interval is not None and now >= self._next_ping:
            self._next_ping = now + self._interval
            self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if self.enabled:
            sd_notify("\n".join(lines), self._log)
