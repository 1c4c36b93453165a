"""As much of a socket as the tests' client uses, over HTTP/2: it is given HTTP/1.1 and gives it.

What a test sends and expects stays the text that RFC 9112 describes; each request goes on a stream
of its own (RFC 9113, section 8), and what comes back is written as HTTP/1.1 again, in the order of
the requests. So the scenarios are played once more, with the same tests.
"""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from http.client import responses
from typing import TYPE_CHECKING

from e2e.h2_client import H2Client
from e2e.wrapped import Wrapped

if TYPE_CHECKING:
    import socket

    from e2e.h2_client import Answer, Fields

HEAD_END = b"\r\n\r\n"
CHUNK = re.compile(rb"([0-9a-fA-F]+)[^\r]*\r\n")
#: What is of HTTP/1, or has another name here (RFC 9113, sections 8.2.2 and 8.3.1).
LEFT_OUT = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host"}
#: Statuses without content (RFC 9110, section 6.4.1).
BODILESS = {204, 304}
#: What the server answers for requests that it has not begun: their connection goes on.
RETRIED = {503}
ABSOLUTE = re.compile(r"https?://([^/]*)(.*)")


class Asked:
    """One request, and how much of its answer was written."""

    def __init__(self, answer: Answer, method: str, *, last: bool) -> None:
        self.answer = answer
        self.last = last
        self._head_only = method == "HEAD"
        self._interim = 0
        self._headed = False
        self._chunked = False
        self._given = 0
        self.complete = False

    def text(self, *, going: bool) -> bytes:
        """What has come since the last time, as HTTP/1.1; `going`: nothing is asked after it."""
        answer = self.answer
        parts: list[bytes] = []
        parts += [_head(fields) for fields in answer.interim[self._interim :]]
        self._interim = len(answer.interim)
        if answer.fields and not self._headed:
            self._headed = True
            bare = self._head_only or answer.status in BODILESS
            self._chunked = not bare and answer.field("content-length") is None
            # The server's own pages, which have no Server field, end a connection of HTTP/1 and a
            # stream here. Tests expect the end, and get it.
            ends = answer.field("server") is None and answer.status not in RETRIED
            self.last = self.last or ends
            more = [f"connection: {'close' if self.last or going else 'keep-alive'}"]
            parts.append(
                _head(answer.fields, *more, *["transfer-encoding: chunked"] * self._chunked)
            )
        body = bytes(answer.body[self._given :])
        self._given += len(body)
        if body and self._chunked:
            parts += [b"%x\r\n" % len(body), body, b"\r\n"]
        else:
            parts.append(body)
        if answer.ended and not self.complete:
            self.complete = True
            if self._chunked:
                lines = ["0", *(f"{name}: {value}" for name, value in answer.trailers), "", ""]
                parts.append("\r\n".join(lines).encode("latin-1"))
        return b"".join(parts)


class H2Socket(Wrapped):
    """One connection; `scheme` is that of its requests."""

    def __init__(self, raw: socket.socket, scheme: str) -> None:
        super().__init__(raw)
        self._client = H2Client(raw, scheme=scheme, window=65_535)
        self._unsent = b""
        #: The stream whose request is being sent, and bytes of its body that are to come.
        self._stream = 0
        self._missing: int | None = 0
        self._asked: deque[Asked] = deque()
        self._ready = b""
        self._over = False

    def sendall(self, data: bytes) -> None:
        """Send the requests that are there, or parts of them; a head goes when it is complete."""
        self._unsent += data
        while self._send_head() if self._stream == 0 else self._send_body():
            pass

    def recv(self, count: int) -> bytes:
        """Some bytes of the answers; none behind the last one, or where one was cut off."""
        self._collect()
        while not self._ready and not self._over:
            # Behind `shutdown` nothing can be sent, and windows stay as they are.
            with suppress(BrokenPipeError):
                self._client.receive()
            self._collect()
        data, self._ready = self._ready[:count], self._ready[count:]
        return data

    def shutdown(self, how: int) -> None:
        """Send no more."""
        self.raw.shutdown(how)

    def _send_head(self) -> bool:
        head, end, rest = self._unsent.partition(HEAD_END)
        if not end:
            return False
        self._unsent = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        fields = [_field(line) for line in lines]
        values = dict(fields)
        if absolute := ABSOLUTE.fullmatch(target):
            values["host"], target = absolute[1], absolute[2]
        chunked = values.get("transfer-encoding") == "chunked"
        length = int(values.get("content-length", "0"))
        stream = self._client.begin(
            method,
            target,
            [field for field in fields if field[0] not in LEFT_OUT],
            authority=values.get("host", ""),
            end=not chunked and not length,
        )
        last = values.get("connection", "").lower() == "close"
        self._asked.append(Asked(self._client.answers[stream], method, last=last))
        if chunked or length:
            self._stream = stream
            self._missing = None if chunked else length
        return bool(self._unsent)

    def _send_body(self) -> bool:
        if self._missing is None:
            return self._send_chunk()
        part = self._unsent[: self._missing]
        self._unsent = self._unsent[len(part) :]
        self._missing -= len(part)
        ended = self._missing == 0
        if part:
            self._client.give(self._stream, part, end=ended)
        if ended:
            self._stream = 0
        return ended and bool(self._unsent)

    def _send_chunk(self) -> bool:
        match = CHUNK.match(self._unsent)
        if match is None:
            return False
        start, size = match.end(), int(match[1], 16)
        if len(self._unsent) < start + size + 2:
            return False
        part = self._unsent[start : start + size]
        if size:
            self._unsent = self._unsent[start + size + 2 :]
            self._client.give(self._stream, part, end=False)
            return bool(self._unsent)
        trailers, end, rest = (b"\r\n" + self._unsent[start:]).partition(HEAD_END)
        if not end:
            return False
        self._unsent = rest
        lines = trailers.decode("latin-1").split("\r\n")[1:]
        self._client.end(self._stream, [_field(line) for line in lines])
        self._stream = 0
        return bool(rest)

    def _collect(self) -> None:
        """Write the answers that are due: the first one as it comes, others behind it."""
        while self._asked:
            first = self._asked[0]
            # Before a connection ends, HTTP/2 says that nothing more is to be asked, and HTTP/1
            # says so with its last answer.
            self._ready += first.text(going=bool(self._client.gone) and len(self._asked) == 1)
            if not first.complete:
                self._over = self._over or first.answer.reset is not None
                break
            self._asked.popleft()
            if first.last:
                self._over = True
        self._over = self._over or self._client.closed


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip(" \t")


def _head(fields: Fields, *more: str) -> bytes:
    status = int(dict(fields)[":status"])
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in fields if name != ":status"]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")
