"""What servers make of what a client sends, step by step: licorne's and Python's h2."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple, Protocol

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from differential.frames import (
    CODES,
    DATA,
    END_STREAM,
    GOAWAY,
    PING,
    RST_STREAM,
    SETTINGS,
    Frame,
    frames,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path

STREAMS, LARGEST = 8, 16_384
#: Stands for GOAWAY where a server leaves it out, as it may (RFC 9113, section 3.4).
UNSAID = Frame(GOAWAY, 0, 0, bytes(7) + b"\1")
Fields = list[tuple[str, str]]


class Event(NamedTuple):
    """What a request does: `head`, `data`, `end` or `reset`."""

    kind: str
    stream: int
    data: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()


class Step(NamedTuple):
    """What came of some bytes."""

    events: list[Event]
    sent: list[Frame]

    @property
    def failure(self) -> str | None:
        """The code of a connection error."""
        codes = (frame.payload[4:8] for frame in self.sent if frame.kind == GOAWAY)
        wrong = [CODES[int.from_bytes(code, "big")] for code in codes if any(code)]
        return wrong[0] if wrong else None

    @property
    def resets(self) -> list[tuple[int, str]]:
        """Stream errors, with their codes."""
        sent = (frame for frame in self.sent if frame.kind == RST_STREAM)
        codes = [(each.stream, CODES[int.from_bytes(each.payload, "big")]) for each in sent]
        return [(stream, code) for stream, code in codes if code != "NO_ERROR"]

    @property
    def answers(self) -> list[tuple[int, int, bytes]]:
        """What PING and SETTINGS are answered with."""
        kinds = (PING, SETTINGS)
        answers = [frame for frame in self.sent if frame.kind in kinds and frame.flags]
        return [(frame.kind, frame.flags, frame.payload) for frame in answers]

    @property
    def paid(self) -> int:
        """Bytes of responses."""
        return sum(len(frame.payload) for frame in self.sent if frame.kind == DATA)

    @property
    def ended(self) -> list[int]:
        """Streams whose responses end."""
        return [frame.stream for frame in self.sent if frame.kind <= 1 and frame.flags & END_STREAM]


class View(Protocol):
    """A server without sockets."""

    def feed(self, data: bytes) -> Step:
        """What comes of some bytes."""


def unhex(text: str) -> str:
    """Text of which the bytes are told."""
    return bytes.fromhex(text).decode("latin-1")


def request(fields: Fields) -> tuple[tuple[str, str], ...]:
    """A head as all servers tell it: Host for `:authority`, one cookie, no `:scheme`."""
    named = [("host" if name == ":authority" else name, value) for name, value in fields]
    first = [pair for pair in named if pair[0] in {":method", ":path"}]
    rest = [pair for pair in named if not pair[0].startswith(":")]
    cookies = [value for name, value in rest if name == "cookie"]
    joined = [("cookie", "; ".join(cookies))] if cookies else []
    return (*sorted(first), *[pair for pair in rest if pair[0] != "cookie"], *joined)


def asked(fields: Fields) -> int | None:
    """How many bytes a request asks for; it may ask for no answer at all."""
    path = dict(fields)[":path"]
    return int(path[1:]) if path[1:].isdigit() else None


def joined(events: list[Event]) -> list[Event]:
    """With data in one piece where nothing else is between."""
    found: list[Event] = []
    for event in events:
        last = found[-1] if found else None
        if last and (last.kind, last.stream) == (event.kind, event.stream) == ("data", last.stream):
            found[-1] = Event("data", event.stream, last.data + event.data)
        else:
            found.append(event)
    return found


class Licorne:
    """The example `h2_events` of crates/proto: it is asked and answers line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._ask("new")

    @staticmethod
    def process(program: Path) -> subprocess.Popen[str]:
        """The program, for any number of connections one after the other."""
        pipe = subprocess.PIPE
        return subprocess.Popen([program], stdin=pipe, stdout=pipe, text=True)

    def _ask(self, line: str) -> list[list[str]]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: list[list[str]] = []
        while (said := self._process.stdout.readline()) != ".\n":
            assert said, f"h2_events has ended: {self._process.wait()}"
            answer.append(said.split())
        return answer

    def feed(self, data: bytes) -> Step:
        """What comes of some bytes."""
        events, sent = [], b""
        for kind, *rest in self._ask(data.hex()):
            match kind, rest:
                case "sent", parts:
                    sent = bytes.fromhex("".join(parts))
                case "head", [stream, *fields]:
                    pairs = (field.partition("=")[::2] for field in fields)
                    head = [(unhex(name), unhex(value)) for name, value in pairs]
                    events.append(Event("head", int(stream), fields=request(head)))
                case "data", [stream, body]:
                    events.append(Event("data", int(stream), bytes.fromhex(body)))
                case "reset", [stream, by]:
                    if by == "peer":
                        events.append(Event("reset", int(stream)))
                case _, [stream, *_]:
                    events.append(Event(kind, int(stream)))
        return Step(joined(events), frames(sent))


class PythonH2:
    """Python's h2 as a server."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
        self._h2 = h2.connection.H2Connection(config)
        codes = h2.settings.SettingCodes
        self._h2.local_settings.update({codes.MAX_CONCURRENT_STREAMS: STREAMS})
        self._h2.initiate_connection()
        self._h2.data_to_send()
        self._asked: dict[int, int | None] = {}
        self._owed: dict[int, int] = {}
        self._events: list[Event] = []
        self._failed = False

    def feed(self, data: bytes) -> Step:
        """What comes of some bytes."""
        self._events, failed = [], self._failed
        if not failed:
            try:
                for event in self._h2.receive_data(data):
                    self._hear(event)
            except h2.exceptions.ProtocolError:
                self._failed = True
        step = Step(joined(self._events), frames(self._h2.data_to_send()))
        if self._failed and not failed and step.failure is None:
            step.sent.append(UNSAID)
        return step

    def _hear(self, event: h2.events.Event) -> None:
        events = self._events
        match event:
            case h2.events.RequestReceived():
                fields = [(str(name), str(value)) for name, value in event.headers]
                events.append(Event("head", event.stream_id, fields=request(fields)))
                self._asked[event.stream_id] = asked(fields)
            case h2.events.DataReceived():
                if event.data:
                    events.append(Event("data", event.stream_id, event.data))
                length, number = event.flow_controlled_length, event.stream_id
                if self._asked[number] is not None and length:
                    self._h2.acknowledge_received_data(length, number)
            case h2.events.StreamEnded():
                events.append(Event("end", event.stream_id))
                count = self._asked[event.stream_id]
                if count is not None:
                    self._h2.send_headers(event.stream_id, [(":status", "200")])
                    self._owed[event.stream_id] = count
            case h2.events.StreamReset():
                self._owed.pop(event.stream_id, None)
                if event.remote_reset:
                    events.append(Event("reset", event.stream_id))
            case _:
                pass
        self._pay()

    def _pay(self) -> None:
        for stream, owed in list(self._owed.items()):
            left = owed
            while stream in self._owed:
                room = self._h2.local_flow_control_window(stream)
                count = min(left, max(room, 0), self._h2.max_outbound_frame_size, LARGEST)
                if not count and left:
                    break
                left -= count
                self._h2.send_data(stream, b"x" * count, end_stream=not left)
                self._owed[stream] = left
                if not left:
                    del self._owed[stream]
