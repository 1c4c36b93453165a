"""What a socket that speaks a protocol passes on to the one below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket


class Wrapped:
    """A socket on top of `raw`."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw

    def settimeout(self, seconds: float | None) -> None:
        """How long the socket waits."""
        self.raw.settimeout(seconds)

    def setsockopt(self, *arguments: int | bytes) -> None:
        """An option of the socket."""
        self.raw.setsockopt(*arguments)  # type: ignore[arg-type, call-overload]

    def getsockname(self) -> object:
        """The client's address."""
        return self.raw.getsockname()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self.raw.fileno()

    def close(self) -> None:
        """Close without a goodbye, as most clients do."""
        self.raw.close()
