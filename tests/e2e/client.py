"""A client that shows what is on the wire, and is strict about it.

It sends exactly the bytes it is given, and reads one response after the other from a connection;
anything that is not a well-formed response is a failure of the test.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from e2e.transport import carried
from patience import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [\t\x20-\x7e\x80-\xff]*")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([^\x00-\x08\x0a-\x1f\x7f]*?)[\t ]*")


class NotHTTPError(AssertionError):
    """The server sent something that is no response."""


class CutShortError(AssertionError):
    """The connection ended inside a response."""


@dataclass(frozen=True)
class Response:
    """One response as received."""

    status: int
    reason: str
    version: str
    fields: list[tuple[str, bytes]]
    body: bytes
    chunks: list[bytes] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """The values of a field, line by line."""
        return [v.decode("latin-1") for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of a field that must not be repeated."""
        values = self.all(name)
        assert len(values) < 2, f"{name} is repeated: {values}"
        return values[0] if values else None

    @property
    def keeps_alive(self) -> bool:
        """Whether the response says that the connection goes on."""
        return (self.get("Connection") or "").lower() == "keep-alive"


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self._buffer = b""

    @classmethod
    def tcp(cls, port: int) -> Client:
        """Connect to a port of this machine."""
        return cls(carried(socket.create_connection(("127.0.0.1", port), PATIENCE)))

    @classmethod
    def narrow(cls, port: int) -> Client:
        """Connect with a small window: a large answer has to wait in the server."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", port))
        return cls(carried(connection))

    @classmethod
    def unix(cls, path: str) -> Client:
        """Connect to a socket file."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(path)
        return cls(carried(connection))

    def __enter__(self) -> Client:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def request(
        self, method: str, path: str, *fields: str, body: bytes = b"", version: str = "1.1"
    ) -> None:
        """Send a request with the given field lines, Host, and the body's length if it has one."""
        lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def get(self, path: str, *fields: str, close: bool = False) -> None:
        """Send a GET request."""
        self.request("GET", path, *fields, *(["Connection: close"] if close else []))

    def end(self) -> None:
        """Send no more, but go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def response(self, method: str = "GET") -> Response:
        """The next response; `method` is that of its request, for the sake of HEAD."""
        head = self._until(b"\r\n\r\n").removesuffix(b"\r\n\r\n").split(b"\r\n")
        match = STATUS_LINE.fullmatch(head[0])
        if match is None:
            raise NotHTTPError(f"not a status line: {head[0]!r}")
        status = int(match.group(1))
        fields = [_field(line) for line in head[1:]]
        start = head[0].decode("latin-1").split(" ", 2)
        bodiless = method == "HEAD" or status < 200 or status in {204, 304}
        chunks = [] if bodiless else self._chunks(fields)
        body = b"" if bodiless else b"".join(chunks) if chunks is not None else self._body(fields)
        return Response(status, start[2], start[0], fields, body, chunks or [])

    def is_closed(self) -> bool:
        """Wait for what comes next; True when that is the end of the connection."""
        if self._buffer:
            return False
        try:
            self._buffer = self.socket.recv(65536)
        except ConnectionResetError:
            return True
        return not self._buffer

    def everything(self) -> bytes:
        """All bytes until the connection ends, however it ends."""
        parts = []
        while not self.is_closed():
            parts.append(self._buffer)
            self._buffer = b""
        return b"".join(parts)

    def some(self) -> bytes:
        """The bytes that are there, at least one unless the connection ended."""
        if not self._buffer:
            self._more_or_end()
        data, self._buffer = self._buffer, b""
        return data

    def _chunks(self, fields: list[tuple[str, bytes]]) -> list[bytes] | None:
        """The chunks of a chunked body; None for any other."""
        codings = [v for n, v in fields if n.lower() == "transfer-encoding"]
        if not codings:
            return None
        if codings != [b"chunked"] or any(n.lower() == "content-length" for n, _ in fields):
            raise NotHTTPError(f"odd framing: {fields}")
        chunks: list[bytes] = []
        while True:
            line = self._until(b"\r\n").removesuffix(b"\r\n")
            if not re.fullmatch(rb"[0-9a-fA-F]+", line):
                raise NotHTTPError(f"not a chunk size: {line!r}")
            data = self._exactly(int(line, 16))
            if self._exactly(2) != b"\r\n":
                raise NotHTTPError("no line end after a chunk")
            if not data:
                return chunks
            chunks.append(data)

    def _body(self, fields: list[tuple[str, bytes]]) -> bytes:
        lengths = [v for n, v in fields if n.lower() == "content-length"]
        if len(lengths) == 1:
            return self._exactly(int(lengths[0]))
        if lengths:
            raise NotHTTPError(f"repeated Content-Length: {lengths}")
        return self.everything()

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(end)
        return found + end

    def _exactly(self, length: int) -> bytes:
        parts = [self._buffer]
        missing = length - len(self._buffer)
        while missing > 0:
            self._buffer = b""
            self._more()
            parts.append(self._buffer)
            missing -= len(self._buffer)
        data = b"".join(parts)
        self._buffer = data[length:]
        return data[:length]

    def _more(self) -> None:
        before = self._buffer
        self._more_or_end()
        if self._buffer == before:
            raise CutShortError(f"the connection ended after {before[-200:]!r}")

    def _more_or_end(self) -> None:
        try:
            self._buffer += self.socket.recv(65536)
        except ConnectionResetError as error:
            raise CutShortError("the connection was reset") from error


def _field(line: bytes) -> tuple[str, bytes]:
    match = FIELD.fullmatch(line)
    if match is None:
        raise NotHTTPError(f"not a field line: {line!r}")
    return match.group(1).decode("ascii"), match.group(2)
