"""What a client must not do, with what the RFC has a server do about it: one row for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from differential.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    frame,
    settings,
    window_update,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable

    from differential.client import Client, Fields

IGNORED = "nothing"


def connection(code: str) -> str:
    """A connection error (RFC 9113, section 5.4.1)."""
    return f"connection {code}"


def stream(code: str) -> str:
    """A stream error (section 5.4.2)."""
    return f"stream {code}"


class Fault(NamedTuple):
    """A mistake of a client."""

    #: What it says, on which section.
    section: str
    #: What licorne does.
    reaction: str
    #: What else the RFC allows. A stream error may always be a connection error (section 5.4.1).
    others: tuple[str, ...]
    #: The bytes; `None` where the sequence has no place for it.
    make: Callable[[Client], bytes | None]


def head(fields: Fields, flags: int = END_HEADERS | END_STREAM) -> Callable[[Client], bytes]:
    """A request with these fields, whole ones."""

    def make(client: Client) -> bytes:
        return frame(HEADERS, flags, client.number(), client.encoder.encode(fields))

    return make


def raw(*parts: bytes) -> Callable[[Client], bytes]:
    """These bytes."""
    return lambda _client: b"".join(parts)


def block(data: bytes) -> Callable[[Client], bytes]:
    """A request with this header block."""
    return lambda client: frame(HEADERS, END_HEADERS | END_STREAM, client.number(), data)


def on(which: str, make: Callable[[Client, int], bytes]) -> Callable[[Client], bytes | None]:
    """A frame on one of the client's streams, if there is one; it is in no list from then on."""

    def choose(client: Client) -> bytes | None:
        streams: list[int] = getattr(client, which)
        if not streams:
            return None
        number = client.rng.choice(streams)
        made = make(client, number)
        streams.remove(number)
        return made

    return choose


def data(number: int, flags: int = 0, payload: bytes = b"x") -> bytes:
    """DATA."""
    return frame(DATA, flags, number, payload)


def again(client: Client, number: int) -> bytes:
    """HEADERS once more."""
    fields = [("x-late", "1")]
    return frame(HEADERS, END_HEADERS | END_STREAM, number, client.encoder.encode(fields))


def beyond(_client: Client, number: int) -> bytes:
    """More DATA than the window has room for."""
    return b"".join(data(number, payload=bytes(16_384)) for _ in range(5))


def crowd(client: Client) -> bytes:
    """More streams than may be open at a time."""
    requests = [client.block("GET", "/hold") for _ in range(9)]
    end = END_HEADERS | END_STREAM
    return b"".join(frame(HEADERS, end, client.number(), request) for request in requests)


def backwards(client: Client) -> bytes:
    """A number that is lower than one before."""
    client.number()
    lower = client.last
    opened = frame(HEADERS, END_HEADERS, client.number(), client.block("GET", "/hold"))
    request = client.block("GET", "/1")
    return opened + frame(HEADERS, END_HEADERS | END_STREAM, lower, request)


def interrupted(by: bytes) -> Callable[[Client], bytes]:
    """A header block that does not go on."""
    return lambda client: frame(HEADERS, 0, client.number(), client.block("GET", "/1")) + by


def mismatch(client: Client) -> bytes:
    """A body that is shorter than Content-Length."""
    number = client.number()
    request = client.block("POST", "/1", [("content-length", "5")])
    return frame(HEADERS, END_HEADERS, number, request) + data(number, END_STREAM, b"four")


def longer(client: Client) -> bytes:
    """A body that is longer."""
    number = client.number()
    request = client.block("POST", "/1", [("content-length", "3")])
    return frame(HEADERS, END_HEADERS, number, request) + data(number, 0, b"four")


METHOD, SCHEME, PATH = (":method", "GET"), (":scheme", "http"), (":path", "/1")
WHOLE = [METHOD, SCHEME, PATH, (":authority", "a")]
PROTOCOL, STREAM_CLOSED = connection("PROTOCOL_ERROR"), stream("STREAM_CLOSED")
SIZE, FLOW = connection("FRAME_SIZE_ERROR"), connection("FLOW_CONTROL_ERROR")
COMPRESSION = connection("COMPRESSION_ERROR")
MALFORMED = stream("PROTOCOL_ERROR")
LATE = connection("STREAM_CLOSED")


def wrong(section: str, *fields: tuple[str, str]) -> Fault:
    """A malformed request (section 8.1.1)."""
    return Fault(section, MALFORMED, (), head(list(fields)))


def of_connection(section: str, reaction: str, *parts: bytes) -> Fault:
    """A frame that is wrong whatever came before."""
    return Fault(section, reaction, (), raw(*parts))


FAULTS = {
    # Streams that are not where they should be. What comes on a closed one may be ignored.
    "DATA on an idle stream": Fault("5.1", PROTOCOL, (), lambda it: data(it.last + 20)),
    "WINDOW_UPDATE on an idle stream": Fault(
        "5.1", PROTOCOL, (), lambda it: window_update(it.last + 20, 1)
    ),
    "RST_STREAM on an idle stream": Fault(
        "6.4", PROTOCOL, (), lambda it: frame(RST_STREAM, 0, it.last + 20, bytes(4))
    ),
    "HEADERS on an even stream": Fault(
        "5.1.1", PROTOCOL, (), lambda it: frame(HEADERS, 5, it.last + 1, it.block("GET", "/1"))
    ),
    "HEADERS on a lower stream": Fault("5.1.1", PROTOCOL, (), backwards),
    "DATA behind END_STREAM": Fault(
        "5.1", STREAM_CLOSED, (), on("held", lambda _it, number: data(number))
    ),
    "HEADERS behind END_STREAM": Fault("5.1", STREAM_CLOSED, (), on("held", again)),
    "DATA on an ended stream": Fault(
        "5.1", LATE, (STREAM_CLOSED, IGNORED), on("ended", lambda _it, number: data(number))
    ),
    "HEADERS on an ended stream": Fault(
        "5.1", LATE, (STREAM_CLOSED, IGNORED), on("ended", again)
    ),
    "DATA behind RST_STREAM": Fault(
        "5.1", STREAM_CLOSED, (IGNORED,), on("gone", lambda _it, number: data(number))
    ),
    "HEADERS behind RST_STREAM": Fault("5.1", STREAM_CLOSED, (IGNORED,), on("gone", again)),
    "too many streams": Fault("5.1.2", stream("REFUSED_STREAM"), (MALFORMED,), crowd),
    # Frames on streams that they do not belong on.
    "DATA on stream 0": of_connection("6.1", PROTOCOL, data(0)),
    "HEADERS on stream 0": of_connection("6.2", PROTOCOL, frame(HEADERS, 5, 0, b"\x82")),
    "PRIORITY on stream 0": of_connection("6.3", PROTOCOL, frame(PRIORITY, 0, 0, bytes(5))),
    "RST_STREAM on stream 0": of_connection("6.4", PROTOCOL, frame(RST_STREAM, 0, 0, bytes(4))),
    "SETTINGS on a stream": of_connection("6.5", PROTOCOL, frame(SETTINGS, 0, 1)),
    "PING on a stream": of_connection("6.7", PROTOCOL, frame(PING, 0, 1, bytes(8))),
    "GOAWAY on a stream": of_connection("6.8", PROTOCOL, frame(GOAWAY, 0, 1, bytes(8))),
    "CONTINUATION alone": of_connection("6.10", PROTOCOL, frame(CONTINUATION, 4, 1, b"\x82")),
    "PUSH_PROMISE": of_connection("8.4", PROTOCOL, frame(PUSH_PROMISE, 4, 1, bytes(4) + b"\x82")),
    # Sizes.
    "RST_STREAM of 3 bytes": Fault(
        "6.4", SIZE, (), on("begun", lambda _it, number: frame(RST_STREAM, 0, number, bytes(3)))
    ),
    "PRIORITY of 4 bytes": Fault(
        "6.3",
        stream("FRAME_SIZE_ERROR"),
        (),
        on("begun", lambda _it, number: frame(PRIORITY, 0, number, bytes(4))),
    ),
    "SETTINGS of 5 bytes": of_connection("6.5", SIZE, frame(SETTINGS, 0, 0, bytes(5))),
    "SETTINGS ACK of 6 bytes": of_connection("6.5", SIZE, frame(SETTINGS, ACK, 0, bytes(6))),
    "PING of 7 bytes": of_connection("6.7", SIZE, frame(PING, 0, 0, bytes(7))),
    "GOAWAY of 7 bytes": of_connection("6.8", SIZE, frame(GOAWAY, 0, 0, bytes(7))),
    "WINDOW_UPDATE of 3 bytes": of_connection("6.9", SIZE, frame(WINDOW_UPDATE, 0, 0, bytes(3))),
    "HEADERS above the size of frames": Fault(
        "4.2", SIZE, (), lambda it: frame(HEADERS, 5, it.number(), bytes(16_385))
    ),
    "DATA above the size of frames": Fault(
        "4.2", SIZE, (stream("FRAME_SIZE_ERROR"),),
        on("begun", lambda _it, number: data(number, payload=bytes(16_385))),
    ),
    "DATA with too much padding": Fault(
        "6.1", PROTOCOL, (), on("begun", lambda _it, number: data(number, PADDED, b"\x05abcd"))
    ),
    "HEADERS with too much padding": Fault(
        "6.2", PROTOCOL, (), lambda it: frame(HEADERS, 5 | PADDED, it.number(), b"\x05\x82\x82")
    ),
    "HEADERS without room for its priority": Fault(
        "6.2", SIZE, (PROTOCOL,),
        lambda it: frame(HEADERS, 5 | WITH_PRIORITY, it.number(), b"\0\0\0"),
    ),
    # Values.
    "ENABLE_PUSH of 2": of_connection("6.5.2", PROTOCOL, settings((2, 2))),
    "INITIAL_WINDOW_SIZE of 2^31": of_connection("6.5.2", FLOW, settings((4, 1 << 31))),
    "MAX_FRAME_SIZE of 16,383": of_connection("6.5.2", PROTOCOL, settings((5, 16_383))),
    "MAX_FRAME_SIZE of 2^24": of_connection("6.5.2", PROTOCOL, settings((5, 1 << 24))),
    "WINDOW_UPDATE of 0": of_connection("6.9", PROTOCOL, window_update(0, 0)),
    "WINDOW_UPDATE of 0 on a stream": Fault(
        "6.9", MALFORMED, (), on("held", lambda _it, number: window_update(number, 0))
    ),
    "a window above 2^31 - 1": of_connection(
        "6.9.1", FLOW, window_update(0, (1 << 31) - 1), window_update(0, 1 << 20)
    ),
    "a window above 2^31 - 1 on a stream": Fault(
        "6.9.1",
        stream("FLOW_CONTROL_ERROR"),
        (),
        on("held", lambda _it, number: window_update(number, (1 << 31) - 1) * 2),
    ),
    "a window that SETTINGS take above 2^31 - 1": Fault(
        "6.9.2",
        FLOW,
        (),
        lambda it: (
            settings((4, 1000))
            + frame(HEADERS, END_HEADERS, it.number(), it.block("POST", "/hold"))
            + window_update(it.last, (1 << 31) - 2000)
            + settings((4, 1 << 20))
        ),
    ),
    "DATA beyond the window": Fault(
        "6.9.1",
        stream("FLOW_CONTROL_ERROR"),
        (),
        lambda it: (
            frame(HEADERS, END_HEADERS, it.number(), it.block("POST", "/hold"))
            + beyond(it, it.last)
        ),
    ),
    # Header blocks.
    "index 0": Fault("4.3", COMPRESSION, (), block(b"\x80")),
    "an index that no table has": Fault("4.3", COMPRESSION, (), block(b"\xff\x80\x01")),
    "a block that is cut": Fault("4.3", COMPRESSION, (), block(b"\x82\x00\x05ab")),
    "a Huffman code with too much padding": Fault(
        "4.3", COMPRESSION, (), block(b"\x82\x04\x82\x07\xff")
    ),
    "the end of Huffman codes within a string": Fault(
        "4.3", COMPRESSION, (), block(b"\x82\x04\x84\xff\xff\xff\xff")
    ),
    "a table that is larger than announced": Fault(
        "4.3", COMPRESSION, (), block(b"\x3f\xe2\x1f\x82")
    ),
    "a block that PING interrupts": Fault(
        "6.10", PROTOCOL, (), interrupted(frame(PING, 0, 0, bytes(8)))
    ),
    "a block that goes on on another stream": Fault(
        "6.10", PROTOCOL, (), interrupted(frame(CONTINUATION, END_HEADERS, 999))
    ),
    # Malformed requests.
    "no :path": wrong("8.3.1", METHOD, SCHEME),
    "no :method": wrong("8.3.1", SCHEME, PATH),
    "no :scheme": wrong("8.3.1", METHOD, PATH),
    "two :path": wrong("8.3", METHOD, SCHEME, PATH, PATH),
    "an empty :path": wrong("8.3.1", METHOD, SCHEME, (":path", ""), (":authority", "a")),
    "a pseudo-header field behind others": wrong("8.3", METHOD, SCHEME, ("x-a", "1"), PATH),
    "an unknown pseudo-header field": wrong("8.3", *WHOLE, (":x", "1")),
    ":status in a request": wrong("8.3", *WHOLE, (":status", "200")),
    "upper case in a name": wrong("8.2.1", *WHOLE, ("X-A", "1")),
    "a space in a name": wrong("8.2.1", *WHOLE, ("x a", "1")),
    "a line feed in a value": wrong("8.2.1", *WHOLE, ("x-a", "1\n2")),
    "a space in front of a value": wrong("8.2.1", *WHOLE, ("x-a", " 1")),
    "Connection": wrong("8.2.2", *WHOLE, ("connection", "close")),
    "Transfer-Encoding": wrong("8.2.2", *WHOLE, ("transfer-encoding", "chunked")),
    "TE that is not trailers": wrong("8.2.2", *WHOLE, ("te", "gzip")),
    "another Host than :authority": Fault(
        "8.3.1", MALFORMED, (IGNORED,), head([*WHOLE, ("host", "b")])
    ),
    "a body that is shorter than Content-Length": Fault("8.1.1", MALFORMED, (), mismatch),
    "a body that is longer than Content-Length": Fault("8.1.1", MALFORMED, (), longer),
    "trailers without END_STREAM": Fault(
        "8.1",
        MALFORMED,
        (),
        on(
            "begun",
            lambda it, number: frame(
                HEADERS, END_HEADERS, number, it.encoder.encode([("x-sum", "1")])
            ),
        ),
    ),
    "a pseudo-header field in trailers": Fault(
        "8.1",
        MALFORMED,
        (),
        on(
            "begun",
            lambda it, number: frame(HEADERS, 5, number, it.encoder.encode([(":path", "/")])),
        ),
    ),
}  # fmt: skip

#: What comes in the place of the first frames.
BEGINNINGS = {
    "another preface": Fault("3.4", PROTOCOL, (), raw(b"GET / HTTP/1.1\r\n\r\n" + bytes(10))),
    "PING in front of SETTINGS": Fault(
        "3.4",
        PROTOCOL,
        (),
        raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(PING, 0, 0, bytes(8))),
    ),
}

#: What others do that the RFC does not allow.
DEVIATIONS = {
    # Sections 3.4 and 6.4: it does not mind.
    ("h2", "PING in front of SETTINGS"): IGNORED,
    ("h2", "RST_STREAM on an idle stream"): IGNORED,
    # Sections 6.10 and 6.5: errors of the connection, with other codes.
    ("h2", "CONTINUATION alone"): LATE,
    ("h2", "SETTINGS ACK of 6 bytes"): PROTOCOL,
    # Section 4.3: it has one code for all of them.
    ("h2", "index 0"): PROTOCOL,
    ("h2", "an index that no table has"): PROTOCOL,
    ("h2", "a block that is cut"): PROTOCOL,
    ("h2", "a Huffman code with too much padding"): PROTOCOL,
    ("h2", "the end of Huffman codes within a string"): PROTOCOL,
    ("h2", "a table that is larger than announced"): PROTOCOL,
    # Section 5.1.1: it takes the stream for one that was closed.
    ("nghttp2", "HEADERS on a lower stream"): IGNORED,
    # Section 6.9.2: it resets the stream.
    ("nghttp2", "a window that SETTINGS take above 2^31 - 1"): stream("FLOW_CONTROL_ERROR"),
}
