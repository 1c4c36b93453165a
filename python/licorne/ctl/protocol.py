"""What is said on the control socket: requests and replies as JSON, in one of two framings.

A line is one message. gunicornc sends its messages behind a length of four bytes, the highest
first; that length is below 64 KiB, so that its first byte is a NUL, which begins no line.
Pure: bytes in, requests out; requests in, bytes out.
"""

from __future__ import annotations

import json
from enum import Enum

from licorne.supervisor.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

#: Longest request in bytes, and longest reply (gunicorn's limit, which gunicornc checks).
LONGEST_REQUEST = 64 * 1024
LONGEST_REPLY = 16 * 1024 * 1024
#: Bytes of the length in front of a message of gunicornc.
PREFIX = 4


class Framing(Enum):
    """How messages are told apart."""

    LINES = "lines"
    LENGTHS = "lengths"


class GarbledError(Exception):
    """What came is no request, and nothing that follows can be understood."""


class BadRequestError(Exception):
    """A message that is no request; the next one may be."""


class Request(Record):
    """A command with its arguments; the reply carries the same id."""

    id: Json
    command: str
    args: tuple[str, ...] = ()


class Decoder:
    """Bytes of one client to its requests. The first byte decides the framing, for good."""

    def __init__(self) -> None:
        self.framing = Framing.LINES
        self._told = False
        self._buffer = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether bytes are there that were not looked at, or do not make a request yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next request; None when more bytes are needed."""
        self._tell_framing()
        message = self._line() if self.framing is Framing.LINES else self._behind_length()
        return None if message is None else request(message)

    def _tell_framing(self) -> None:
        if not self._told and self._buffer:
            self._told = True
            self.framing = Framing.LENGTHS if self._buffer[0] == 0 else Framing.LINES

    def _line(self) -> bytes | None:
        # Blank lines say nothing, as when they are typed.
        while self._buffer.startswith((b"\n", b"\r")):
            del self._buffer[:1]
        message, end, rest = self._buffer.partition(b"\n")
        if len(message) > LONGEST_REQUEST:
            raise GarbledError(f"a request has at most {LONGEST_REQUEST} bytes")
        if not end:
            return None
        self._buffer = rest
        return bytes(message)

    def _behind_length(self) -> bytes | None:
        length = int.from_bytes(self._buffer[:PREFIX], "big")
        if len(self._buffer) >= PREFIX and length > LONGEST_REQUEST:
            raise GarbledError(f"a request has at most {LONGEST_REQUEST} bytes, not {length}")
        end = PREFIX + length
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[PREFIX:end])
        del self._buffer[:end]
        return message


def request(message: bytes) -> Request:
    """The request in a message."""
    try:
        read = json.loads(message.decode())
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"a request is one JSON object: {error}") from None
    if not isinstance(read, dict) or not isinstance(read.get("command"), str):
        raise BadRequestError('a request looks like {"id": 1, "command": "status", "args": []}')
    args = read.get("args") or []
    if not isinstance(args, list) or not all(isinstance(each, str | int) for each in args):
        raise BadRequestError("args must be a list of texts and numbers")
    return Request(read.get("id"), read["command"], tuple(map(str, args)))


def success(id_: Json, data: Json) -> dict[str, Json]:
    """The reply to a command that was carried out."""
    return {"id": id_, "status": "ok", "data": data}


def failure(id_: Json, error: str) -> dict[str, Json]:
    """The reply to what was refused."""
    return {"id": id_, "status": "error", "error": error}


def encode(reply: dict[str, Json], framing: Framing) -> bytes:
    """A message as it is sent."""
    text = json.dumps(reply).encode()
    if len(text) > LONGEST_REPLY:
        error = f"the reply has {len(text)} bytes, more than the {LONGEST_REPLY} that are sent"
        text = json.dumps(failure(reply["id"], error)).encode()
    if framing is Framing.LINES:
        return text + b"\n"
    return len(text).to_bytes(PREFIX, "big") + text
