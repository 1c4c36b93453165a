"""Where `RequestParser` has its bytes from, by gunicorn's names: a socket, or pieces of bytes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

#: Bytes received at once.
CHUNK = 8192
#: Bytes received at once of what is known to come.
MOST = 1 << 20


class Unreader:
    """Bytes that can be given back."""

    def __init__(self) -> None:
        self._held = b""

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes of the source, whatever it has; nothing at its end."""
        raise NotImplementedError(f"{type(self).__name__} has no chunk()")

    def read(self, size: int | None = None, read_ahead: int | None = None) -> bytes:
        """So many bytes, fewer at the end; without a size, what is there next."""
        if size is None or size < 0:
            held, self._held = self._held, b""
            return held or self.chunk(read_ahead)
        parts, length = [self._held], len(self._held)
        while length < size and (data := self.chunk(max(size, read_ahead or 0) - length)):
            parts.append(data)
            length += len(data)
        whole = b"".join(parts)
        self._held = whole[size:]
        return whole[:size]

    def unread(self, data: bytes) -> None:
        """Give bytes back: they are read next."""
        self._held = data + self._held

    def take_buffered(self) -> bytes:
        """What was given back, without a look at the source."""
        held, self._held = self._held, b""
        return held


class SocketUnreader(Unreader):
    """The bytes of a socket."""

    def __init__(self, sock: socket.socket, max_chunk: int = CHUNK) -> None:
        super().__init__()
        self.sock = sock
        self.mxchunk = max_chunk

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Receive once."""
        return self.sock.recv(min(max(size_hint or 0, self.mxchunk), MOST))


class IterUnreader(Unreader):
    """The bytes of an iterable of pieces."""

    def __init__(self, iterable: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(iterable)

    def chunk(self, size_hint: int | None = None) -> bytes:  # noqa: ARG002 - pieces have their sizes
        """The next piece."""
        return next(self._pieces, b"")
