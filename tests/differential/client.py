"""A client of HTTP/2 that sends random valid frames, and knows how far its streams have come."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import hpack

from differential.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_UPDATE,
    SETTINGS,
    UNKNOWN,
    WITH_PRIORITY,
    frame,
    padded,
    reset,
    settings,
    window_update,
)  # fmt: skip

if TYPE_CHECKING:
    import random

Fields = list[tuple[str, str]]


@dataclass
class Client:
    """What a client knows of its streams; every method gives the bytes of one step."""

    rng: random.Random
    #: Windows stay large enough for all answers but one: those of small requests come at once.
    roomy: bool = True
    encoder: hpack.Encoder = field(default_factory=hpack.Encoder)
    last: int = -1
    #: Requests whose end is still to be sent, those for `/hold` among them.
    begun: list[int] = field(default_factory=list)
    #: Complete ones for `/hold`, which are never answered.
    held: list[int] = field(default_factory=list)
    #: Complete ones that were answered at once.
    ended: list[int] = field(default_factory=list)
    #: Those that this client has reset.
    gone: list[int] = field(default_factory=list)
    big: bool = False

    def begin(self) -> bytes:
        """The preface, with some settings."""
        pairs = []
        if self.rng.random() < 0.3:
            pairs.append((1, self.rng.choice([0, 100, 4096, 65_536])))
        if self.rng.random() < 0.3:
            pairs.append((2, 0))
        if self.rng.random() < 0.3:
            sizes = [5000, 65_535, 1_000_000] if self.roomy else [0, 1, 50, 5000, 65_535]
            pairs.append((4, self.rng.choice(sizes)))
        if self.rng.random() < 0.3:
            pairs.append((5, self.rng.choice([16_384, 20_000, 16_777_215])))
        if self.rng.random() < 0.3:
            pairs.append((self.rng.choice([0x77, 0xFFFF]), 1))
        return PREFACE + settings(*pairs)

    def number(self) -> int:
        """A new stream."""
        self.last += 2
        return self.last

    def block(self, method: str, path: str, more: Fields | None = None) -> bytes:
        """A header block."""
        pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]
        return self.encoder.encode(pseudo + (more or []), huffman=self.rng.random() < 0.7)

    def extra(self) -> Fields:
        """Fields of no meaning here."""
        some = [("x-a", "1"), ("x-a", "2"), ("accept", "*/*"), ("user-agent", "y" * 60)]
        some += [("cookie", "a=b"), ("te", "trailers"), ("x-long", "z" * 300), ("x-empty", "")]
        return [pair for pair in some if self.rng.random() < 0.3]

    def headers(self, stream: int, block: bytes, flags: int) -> bytes:
        """HEADERS, padded or with a priority or in parts."""
        parts = [block]
        if self.rng.random() < 0.3:
            # Python's h2 refuses a padded part that is empty.
            cuts = sorted(self.rng.sample(range(1, len(block)), min(2, len(block) - 1)))
            edges = [0, *cuts, len(block)]
            parts = [block[a:b] for a, b in pairwise(edges)]
        payload = parts[0]
        if self.rng.random() < 0.2:
            payload = bytes([0x80, 0, 0, 0, 16]) + payload
            flags |= WITH_PRIORITY
        if self.rng.random() < 0.2:
            payload = padded(payload, self.rng.randrange(30))
            flags |= PADDED
        whole = [frame(HEADERS, flags | (0 if parts[1:] else END_HEADERS), stream, payload)]
        for number, part in enumerate(parts[1:], 2):
            end = END_HEADERS if number == len(parts) else 0
            whole.append(frame(CONTINUATION, end, stream, part))
        return b"".join(whole)

    def room(self) -> bool:
        """Whether another stream may be open: the server allows eight."""
        # Where windows are small every answer may be on its way.
        pending = 0 if self.roomy else len(self.ended) + self.big
        return len(self.begun) + len(self.held) + pending < 7

    def get(self) -> bytes:
        """A request without a body."""
        if not self.room():
            return self.ping()
        stream = self.number()
        if not self.roomy and not self.big:
            self.big = True
            path = f"/{self.rng.randrange(40_000, 200_000)}"
        else:
            path = f"/{self.rng.randrange(50)}"
            self.ended.append(stream)
        return self.headers(stream, self.block("GET", path, self.extra()), END_STREAM)

    def post(self) -> bytes:
        """The head of a request with a body."""
        if not self.room():
            return self.ping()
        stream = self.number()
        self.begun.append(stream)
        return self.headers(stream, self.block("POST", f"/{self.rng.randrange(50)}"), 0)

    def hold(self) -> bytes:
        """A request that is never answered."""
        if not self.room():
            return self.ping()
        stream = self.number()
        self.held.append(stream)
        return self.headers(stream, self.block("GET", "/hold"), END_STREAM)

    def data(self) -> bytes:
        """Some of a body."""
        if not self.begun:
            return self.ping()
        payload = bytes(self.rng.randrange(256) for _ in range(self.rng.choice([0, 1, 20, 300])))
        if self.rng.random() < 0.3:
            padding = self.rng.randrange(256)
            return frame(DATA, PADDED, self.rng.choice(self.begun), padded(payload, padding))
        return frame(DATA, 0, self.rng.choice(self.begun), payload)

    def finish(self) -> bytes:
        """The end of a request, with trailers or without."""
        if not self.begun:
            return self.ping()
        stream = self.begun.pop(self.rng.randrange(len(self.begun)))
        self.ended.append(stream)
        if self.rng.random() < 0.3:
            return self.headers(stream, self.encoder.encode([("x-sum", "1")]), END_STREAM)
        return frame(DATA, END_STREAM, stream, b"end" * self.rng.randrange(3))

    def give_up(self) -> bytes:
        """RST_STREAM of an open stream."""
        several = [each for each in (self.begun, self.held) if each]
        if not several:
            return self.ping()
        which = self.rng.choice(several)
        stream = which.pop(self.rng.randrange(len(which)))
        self.gone.append(stream)
        return reset(stream)

    def ping(self) -> bytes:
        """PING, or an answer to none."""
        flags = ACK if self.rng.random() < 0.1 else 0
        return frame(PING, flags, 0, self.rng.randbytes(8))

    def update(self) -> bytes:
        """WINDOW_UPDATE of the connection or of an open stream."""
        stream = self.rng.choice([0, *self.begun, *self.held])
        return window_update(stream, self.rng.choice([1, 100, 20_000, 70_000]))

    def change(self) -> bytes:
        """Other settings."""
        sizes = [5000, 65_535, 100_000] if self.roomy else [0, 10, 5000, 65_535, 100_000]
        pairs = [(4, self.rng.choice(sizes)), (3, 100), (6, 100_000), (0x99, 7)]
        return settings(*self.rng.sample(pairs, self.rng.randrange(4)))

    def advise(self) -> bytes:
        """PRIORITY, PRIORITY_UPDATE, or a frame that is not known."""
        stream = self.rng.choice([*self.begun, *self.ended[-3:], self.last + 8])
        match self.rng.randrange(3):
            case 0:
                return frame(PRIORITY, 0, stream, bytes([0, 0, 0, 0, self.rng.randrange(256)]))
            case 1:
                return frame(PRIORITY_UPDATE, 0, 0, stream.to_bytes(4, "big") + b"u=1, i")
            case _:
                return frame(UNKNOWN, self.rng.randrange(256), stream, self.rng.randbytes(9))

    def step(self) -> bytes:
        """Any of these."""
        steps = [
            self.get, self.get, self.get, self.post, self.post, self.hold, self.data, self.data,
            self.data, self.finish, self.finish, self.give_up, self.ping, self.update, self.update,
            self.change, self.advise,
        ]  # fmt: skip
        return self.rng.choice(steps)()


def acknowledged() -> bytes:
    """The answer to the server's settings."""
    return frame(SETTINGS, ACK, 0)
