"""What the fuzz targets begin with: the cases of the tests, as bytes."""

from __future__ import annotations

import random
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from corpus.cases import load
from differential.client import Client, acknowledged
from differential.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What targets read before the input itself: no switches, and bytes one by one or in some pieces.
FRONTS = [b"\x00\x00\x00\x00", b"\x00\x01\x01\x05"]
BODY = b"\r\n\r\n"
KEY = b"\x12\x34\x56\x78"


def heads() -> Iterator[bytes]:
    """Requests as they came, one or more."""
    for case in load():
        yield from (front + case.input for front in FRONTS)


def chunked() -> Iterator[bytes]:
    """Chunked bodies."""
    for case in load():
        head, end, body = case.input.partition(BODY)
        if end and b"chunked" in head:
            yield from (front + body for front in FRONTS)


def forwarded() -> Iterator[bytes]:
    """Fields behind Host; the peer is trusted, and each header counts."""
    for case in load():
        fields = case.input.partition(BODY)[0].split(b"\r\n")[1:]
        kept = [field for field in fields if not field.lower().startswith(b"host:")]
        for which in range(3):
            yield bytes([0x80, which, 0, 1]) + b"\r\n".join(kept)


def hosts() -> Iterator[bytes]:
    """Values of Host."""
    for case in load():
        for line in case.input.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"host":
                yield value.strip()


def frame(first: int, payload: bytes) -> bytes:
    """A frame of a client."""
    masked = bytes(byte ^ KEY[at % 4] for at, byte in enumerate(payload))
    if len(payload) < 126:
        return bytes([first, 0x80 | len(payload)]) + KEY + masked
    return bytes([first, 0x80 | 126]) + len(payload).to_bytes(2, "big") + KEY + masked


def deflated(message: bytes, level: int = 6) -> bytes:
    """The payload of a compressed message."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


MESSAGES = [b"", b"Hello", "grüße ✓ 😀".encode(), b"alpha beta " * 50, bytes(range(256)) * 4]


def frames() -> Iterator[bytes]:
    """Messages, whole, in fragments, compressed, with control frames between."""
    for number, message in enumerate(MESSAGES):
        first = 0x82 if number == len(MESSAGES) - 1 else 0x81
        half = len(message) // 2
        fragments = frame(first & 0x0F, message[:half]), frame(0x80, message[half:])
        close = frame(0x88, b"\x03\xe8bye")
        ping = frame(0x89, b"ping")
        for stream in (
            frame(first, message) + close,
            ping.join(fragments) + frame(0x8A, b"") + close,
        ):
            yield from (front + stream for front in FRONTS)
        compressed = frame(first | 0x40, deflated(message))
        yield from (b"\x01" + front[1:] + compressed * 2 + close for front in FRONTS)


def payloads() -> Iterator[bytes]:
    """Compressed messages."""
    for message in MESSAGES:
        for level in (0, 1, 9):
            yield from (front + deflated(message, level) for front in FRONTS)


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_headers() -> Iterator[bytes]:
    """PROXY headers, without what each begins with."""
    for case in load():
        if case.input.startswith(b"PROXY "):
            yield from (b"\0" + front[1:] + case.input[6:] for front in FRONTS)
        if case.input.startswith(SIGNATURE):
            yield from (b"\1" + front[1:] + case.input[12:] for front in FRONTS)


#: Variables as web servers send them.
VARIABLES = [
    {},
    {"REQUEST_METHOD": "GET", "REQUEST_URI": "/a?b", "HTTP_HOST": "a", "REMOTE_ADDR": "::1"},
    {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/mount",
        "PATH_INFO": "/path of it",
        "QUERY_STRING": "q=1",
        "CONTENT_LENGTH": "4",
        "CONTENT_TYPE": "text/plain",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/2.0",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "4711",
        "HTTPS": "on",
        "HTTP_X_FORWARDED_FOR": "198.51.100.9",
        "DOCUMENT_ROOT": "/srv",
    },
    {"HTTP_X": "a\r\nX-Admin: 1"},
    {"CONTENT_LENGTH": "x"},
    {"HTTP_TRANSFER_ENCODING": "chunked", "REQUEST_SCHEME": "https"},
]


def packets() -> Iterator[bytes]:
    """Packets of uwsgi without their front, and a body behind one with it."""
    for variables in VARIABLES:
        text = b""
        for part in (each for pair in variables.items() for each in pair):
            text += len(part).to_bytes(2, "little") + part.encode()
        size = len(text).to_bytes(2, "little")
        for _, *front in FRONTS:
            yield bytes([4, *front]) + text
            yield bytes([8, *front, 0]) + size + b"\0" + text + b"body"


def record(kind: int, number: int, content: bytes = b"") -> bytes:
    """A record of FastCGI, as the target builds it: kind, id, length, padding, content."""
    return bytes([kind, number, len(content), len(content) % 3]) + content


def records() -> Iterator[bytes]:
    """Requests in records, one or two, beside each other, with questions between."""
    for variables in VARIABLES:
        pairs = b""
        for name, value in variables.items():
            pairs += bytes([len(name), len(value)]) + name.encode() + value.encode()
        asked = record(9, 0, b"\x0f\0FCGI_MPXS_CONNS\x0d\0FCGI_MAX_REQS") + record(77, 0, b"?")
        for keep in (0, 1):
            begin = record(1, 1, bytes([0, 1, keep, 0, 0, 0, 0, 0]))
            params = [record(4, 1, pairs[at : at + 200]) for at in range(0, len(pairs), 200)]
            body = record(5, 1, b"body") if "CONTENT_LENGTH" in variables else b""
            request = begin + b"".join(params) + record(4, 1) + body + record(5, 1)
            other = record(1, 2, bytes([0, 3 - keep, 0, 0, 0, 0, 0, 0]))
            for _, *front in FRONTS:
                yield bytes([2, *front]) + request + request
                yield bytes([2, *front]) + asked + begin + other + record(2, 1)
                yield bytes([0, 1, *front[1:]]) + b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n" + pairs


def beginnings() -> Iterator[bytes]:
    """Requests, with what else may be spoken."""
    for case in load():
        yield from (b"\0\3" + front[2:] + case.input for front in FRONTS)
    for first in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\3\1"):
        for which in (0, 3, 4, 8, 12, 16, 32, 48, 64, 128, 192, 195):
            yield from (bytes([bits, which, 1, 5]) + first for bits in (0, 12, 28))


def connections() -> Iterator[bytes]:
    """Random connections of HTTP/2, and each fault behind the front of one."""
    for seed in range(200):
        client = Client(random.Random(seed), roomy=seed % 2 == 0)
        steps = [client.begin(), acknowledged(), *(client.step() for _ in range(20))]
        yield bytes([seed % 64, seed % 16, 1, seed % 7]) + b"".join(steps)
    for name, fault in FAULTS.items():
        client = Client(random.Random(name))
        steps = [client.begin(), acknowledged(), client.get(), client.post(), client.post()]
        wrong = fault.make(client)
        yield from (front + b"".join(steps) + (wrong or b"") for front in FRONTS)


def header_blocks() -> Iterator[bytes]:
    """Blocks of one connection, each behind its length."""
    for seed in range(100):
        client = Client(random.Random(seed))
        blocks = [client.block("GET", f"/{seed}", client.extra()) for _ in range(5)]
        whole = b"".join(bytes([len(block) % 256]) + block for block in blocks)
        yield bytes([0, seed % 5, 1, 5]) + whole


SEEDS = {
    "head": heads,
    "chunked": chunked,
    "websocket": frames,
    "deflate": payloads,
    "forwarded": forwarded,
    "host": hosts,
    "h2": connections,
    "hpack": header_blocks,
    "proxy": proxy_headers,
    "uwsgi": packets,
    "fastcgi": records,
    "undecided": beginnings,
}
