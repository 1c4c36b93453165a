"""Talking to a control socket: one connection, one command after the other."""

from __future__ import annotations

import errno
import json
import socket

from licorne.ctl import endpoint, peer, protocol
from licorne.ctl.protocol import Framing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from licorne.ctl.protocol import Json

#: Seconds that a server may take for an answer (gunicornc's number).
PATIENCE = 30.0


#: What to do when no server answers, by the reason.
REMEDIES = {
    errno.ENOENT: "No server listens there: licornectl servers lists those that run.",
    errno.ECONNREFUSED: "No server listens there: licornectl servers lists those that run.",
    errno.EACCES: "Run licornectl as the user of the server, or see its control_socket_mode.",
}


class ControlError(Exception):
    """No answer, or a refusal; the message names the socket or is the server's."""

    remedy = ""


class NotThereError(ControlError):
    """No server answers at this socket."""


class ControlClient:
    """A connection to a server, used in a `with` statement."""

    def __init__(self, name: str, timeout: float = PATIENCE) -> None:
        self.name = name
        self._timeout = timeout
        self._sock: socket.socket | None = None
        self._id = 0

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Connect, and check which process listens."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self._timeout)
            sock.connect(endpoint.address(self.name))
            # At an abstract name any user may listen: only our own user and root are trusted.
            objection = peer.stranger(sock) if self.name.startswith("@") else ""
        except OSError as error:
            sock.close()
            there = NotThereError(f"{self.name}: {error.strerror or error}")
            there.remedy = REMEDIES.get(error.errno or 0, "")
            raise there from None
        if objection:
            sock.close()
            raise NotThereError(f"{self.name} is not trusted: {objection}")
        self._sock = sock

    def close(self) -> None:
        """End the connection."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def ask(self, command: str, *args: str) -> Json:
        """Give a command and wait for the answer; a refusal comes out as `ControlError`."""
        if self._sock is None:
            self.connect()
        self._id += 1
        request: dict[str, Json] = {"id": self._id, "command": command, "args": list(args)}
        try:
            reply = self._exchange(protocol.encode(request, Framing.LINES))
        except (OSError, TypeError, ValueError) as error:
            self.close()
            raise NotThereError(f"{self.name}: no answer to {command!r}: {error}") from None
        if reply.get("status") != "ok":
            raise ControlError(str(reply.get("error") or "refused without a reason"))
        return reply.get("data")

    def _exchange(self, message: bytes) -> dict[str, Json]:
        if self._sock is None:
            raise OSError("not connected")
        self._sock.sendall(message)
        parts: list[bytes] = []
        size = 0
        while not parts or not parts[-1].endswith(b"\n"):
            part = self._sock.recv(65536)
            if not part:
                raise ConnectionResetError("the server closed the connection")
            parts.append(part)
            size += len(part)
            if size > protocol.LONGEST_REPLY + 1:
                raise ValueError("the reply is too long")
        reply = json.loads(b"".join(parts))
        if not isinstance(reply, dict):
            raise TypeError("the reply is no JSON object")
        return reply
