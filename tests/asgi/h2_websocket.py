"""A WebSocket on a stream of HTTP/2 (RFC 8441): h2 carries it, websockets makes its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

if TYPE_CHECKING:
    from websockets.frames import Close, Frame

    from e2e.h2_client import Answer, Fields, H2Client

VERSION = ("sec-websocket-version", "13")
DEFLATE = ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")


def extended(
    client: H2Client, path: str, *fields: tuple[str, str], protocol: str = "websocket"
) -> int:
    """Ask for another protocol by extended CONNECT; the number of its stream."""
    return client.begin("CONNECT", path, fields, protocol=protocol)


class H2WebSocket:
    """One WebSocket of a connection, which carries others and ordinary requests beside it."""

    def __init__(self, client: H2Client, path: str, *fields: tuple[str, str]) -> None:
        self._client = client
        self.stream = extended(client, path, VERSION, *fields)
        self._frames = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._received: list[Frame] = []

    @property
    def answer(self) -> Answer:
        """The head of the answer, and whether the stream is over."""
        return self._client.answers[self.stream]

    def accepted(self) -> Fields:
        """The fields of the answer, which is 200."""
        self._client.until(lambda: self.answer.status > 0 or self.answer.over)
        assert self.answer.status == 200, self.answer.fields
        for value in (value for name, value in self.answer.fields if name.endswith("extensions")):
            words = [word.strip().partition("=")[::2] for word in value.split(";")[1:]]
            known = dict(words)
            self._frames.extensions = [
                PerMessageDeflate(
                    "server_no_context_takeover" in known,
                    "client_no_context_takeover" in known,
                    int(known.get("server_max_window_bits") or 15),
                    int(known.get("client_max_window_bits") or 15),
                )
            ]
        return self.answer.fields

    def send(self, message: str | bytes, *, fragments: int = 1) -> None:
        """Send a message, in so many frames."""
        data = message.encode() if isinstance(message, str) else message
        opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
        size = -(-len(data) // fragments) or 1
        parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for number, part in enumerate(parts):
            fin = number == len(parts) - 1
            if number:
                self._frames.send_continuation(part, fin)
            elif opcode == Opcode.TEXT:
                self._frames.send_text(part, fin)
            else:
                self._frames.send_binary(part, fin)
        self.flush()

    def ping(self, payload: bytes) -> None:
        """Send a ping."""
        self._frames.send_ping(payload)
        self.flush()

    def close(self, code: int, reason: str = "") -> None:
        """Send the close frame."""
        self._frames.send_close(code, reason)
        self.flush()

    def flush(self) -> None:
        """Put frames into DATA, as the windows allow."""
        for data in self._frames.data_to_send():
            if data:
                self._client.give(self.stream, data, end=False)

    def end(self) -> None:
        """End the stream from this side."""
        self._client.give(self.stream, b"", end=True)

    def frame(self) -> Frame:
        """The next frame."""
        while not self._received:
            self._client.until(lambda: bool(self.answer.body) or self.answer.over)
            assert self.answer.body, "the stream is over"
            self._frames.receive_data(bytes(self.answer.body))
            del self.answer.body[:]
            self._received += self._frames.events_received()  # type: ignore[arg-type]
            # The answer to a close frame; the library would end its side at once.
            self.flush()
        return self._received.pop(0)

    def message(self) -> str | bytes:
        """The next message, which came in one frame."""
        frame = self.frame()
        assert frame.fin, frame
        if frame.opcode is Opcode.TEXT:
            return bytes(frame.data).decode()
        assert frame.opcode is Opcode.BINARY, frame
        return bytes(frame.data)

    def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame, which comes next; the stream ends behind it."""
        assert self.frame().opcode is Opcode.CLOSE
        received: Close | None = self._frames.close_rcvd
        assert received is not None
        self._client.until(lambda: self.answer.ended)
        assert self.answer.reset in (None, 0)
        return received.code, received.reason
