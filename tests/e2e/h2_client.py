"""A strict HTTP/2 client on a socket: Python's h2 refuses whatever breaks the protocol."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

import h2.config
import h2.connection
import h2.events
import h2.settings

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Self

Fields = list[tuple[str, str]]
#: Bytes in front of a frame's payload, and the type of one of them.
FRONT, GOAWAY = 9, 7


class Gone(NamedTuple):
    """What a GOAWAY frame says."""

    last_stream: int
    code: int


class Answer:
    """What has come on one stream."""

    def __init__(self) -> None:
        self.fields: Fields = []
        self.interim: list[Fields] = []
        self.trailers: Fields = []
        self.body = bytearray()
        self.ended = False
        self.ended_with_head = False
        self.reset: int | None = None

    @property
    def status(self) -> int:
        """The status code; 0 before there is one."""
        return int(dict(self.fields).get(":status", "0"))

    @property
    def over(self) -> bool:
        """Nothing more can come."""
        return self.ended or self.reset is not None

    def field(self, name: str) -> str | None:
        """The value of a field of the head."""
        return dict(self.fields).get(name)


class H2Client:
    """One connection to a port, or on a socket; `window` is that of each stream.

    It begins with prior knowledge, or with `upgrade`: the lines of a request of HTTP/1, which is
    answered on stream 1.
    """

    def __init__(
        self,
        to: int | socket.socket,
        *,
        window: int = 1 << 20,
        reads: bool = True,
        scheme: str = "http",
        upgrade: tuple[str, ...] = (),
    ) -> None:
        if isinstance(to, int):
            to = socket.create_connection(("127.0.0.1", to), timeout=PATIENCE)
        self._socket = to
        self._scheme = scheme
        config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(config)
        #: Windows are opened again as bytes come.
        self.reads = reads
        self.answers: dict[int, Answer] = {}
        self.gone: list[Gone] = []
        self._unread = bytearray()
        self._unsent = b""
        self.closed = False
        if upgrade:
            self._upgrade(upgrade)
        else:
            self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        if reads:
            self.h2.increment_flow_control_window(1 << 24)
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _upgrade(self, lines: tuple[str, ...]) -> None:
        settings = self.h2.initiate_upgrade_connection()
        assert settings is not None
        self.answers[1] = Answer()
        upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
        fields = (*lines, *upgrade, f"HTTP2-Settings: {settings.decode()}", "", "")
        self._socket.sendall("\r\n".join(fields).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            data = self._socket.recv(1 << 16)
            assert data, received
            received += data
        head, _, rest = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"Upgrade: h2c" in head
        self._unread += rest

    def flush(self, keep: int = 0) -> None:
        """Send what the protocol has to say, but for the last bytes, which go the next time."""
        self._unsent += self.h2.data_to_send()
        end = len(self._unsent) - keep
        self._socket.sendall(self._unsent[:end])
        self._unsent = self._unsent[end:]

    def begin(
        self,
        method: str,
        path: str,
        fields: Iterable[tuple[str, str]] = (),
        *,
        authority: str = "there",
        protocol: str | None = None,
        end: bool = False,
        keep: int = 0,
    ) -> int:
        """Send a head, whose body follows unless that is the `end`; the number of its stream.

        So many bytes of it are kept for later. `protocol`: extended CONNECT.
        """
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        head = [(":method", method), (":scheme", self._scheme), (":path", path)]
        head += [(":authority", authority)] if authority else []
        head += [] if protocol is None else [(":protocol", protocol)]
        both = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in (*head, *fields)
        ]
        self.h2.send_headers(stream, both, end_stream=end)
        self.flush(keep)
        return stream

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> int:
        """Send a request; the number of its stream."""
        stream = self.begin(method, path, fields, end=not body)
        if body:
            self.give(stream, body, end=True)
        return stream

    def give(self, stream: int, body: bytes, *, end: bool) -> None:
        """Send a part of a body, as far as the windows allow; wait for them otherwise.

        A server that wants no more of it, behind its answer, resets the stream.
        """
        answer, position = self.answers[stream], 0
        while position < len(body):
            self.until(
                lambda: answer.reset is not None or self.h2.local_flow_control_window(stream) > 0
            )
            if answer.reset is not None:
                return
            room = self.h2.local_flow_control_window(stream)
            size = min(room, self.h2.max_outbound_frame_size, len(body) - position)
            position += size
            last = end and position == len(body)
            self.h2.send_data(stream, body[position - size : position], end_stream=last)
            self.flush()
        if end and not body:
            self.end(stream)

    def end(self, stream: int, trailers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the end of a request, unless it is not wanted any more."""
        if self.answers[stream].reset is not None:
            return
        if trailers:
            self.h2.send_headers(stream, list(trailers), end_stream=True)
        else:
            self.h2.end_stream(stream)
        self.flush()

    def reset(self, stream: int, code: int = 8) -> None:
        """Give a stream up."""
        self.h2.reset_stream(stream, code)
        self.flush()

    def answer(self, stream: int) -> Answer:
        """The answer on a stream, once nothing more can come of it."""
        self.until(lambda: self.answers[stream].over)
        return self.answers[stream]

    def get(self, path: str, **more: object) -> Answer:
        """Ask, and wait for the answer."""
        return self.answer(self.ask(path, **more))  # type: ignore[arg-type]

    def open_windows(self, stream: int, count: int) -> None:
        """Take so many bytes more of an answer."""
        self.h2.increment_flow_control_window(count)
        self.h2.increment_flow_control_window(count, stream)
        self.flush()

    def until(self, condition: Callable[[], bool]) -> None:
        """Receive until that is so."""
        while not condition():
            if self.closed:
                raise ConnectionError(f"the server has closed the connection: {self.gone}")
            self.receive()

    def receive(self) -> None:
        """What has come, or the next that comes."""
        data = self._socket.recv(1 << 16)
        if not data:
            self.closed = True
            return
        self._unread += data
        while len(self._unread) >= FRONT:
            length = int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < FRONT + length:
                break
            frame = bytes(self._unread[: FRONT + length])
            del self._unread[: FRONT + length]
            # Python's h2 takes nothing any more behind one, though streams are to be finished.
            if frame[3] == GOAWAY:
                last, code = struct.unpack("!II", frame[FRONT : FRONT + 8])
                self.gone.append(Gone(last, code))
                continue
            for event in self.h2.receive_data(frame):
                self._take(event)
        self.flush()

    def _take(self, event: h2.events.Event) -> None:
        stream = getattr(event, "stream_id", None)
        answer = self.answers.get(stream) if stream else None
        if answer is None or stream is None:
            return
        match event:
            case h2.events.ResponseReceived():
                answer.fields = _text(event.headers)
                answer.ended_with_head = event.stream_ended is not None
            case h2.events.InformationalResponseReceived():
                answer.interim.append(_text(event.headers))
            case h2.events.TrailersReceived():
                answer.trailers = _text(event.headers)
            case h2.events.DataReceived():
                answer.body += event.data
                if self.reads and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            case h2.events.StreamEnded():
                answer.ended = True
            case h2.events.StreamReset():
                answer.reset = int(event.error_code)


def _text(headers: object) -> Fields:
    return [(str(name), str(value)) for name, value in headers]  # type: ignore[attr-defined]
