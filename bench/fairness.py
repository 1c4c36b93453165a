"""Fairness inside a worker: how long a ready request waits for its start while another one is slow.

The application answers the time at which it was called, on the clock that all processes of the
machine share: what a sample tells is the way from the client's send to that call, no answer in it.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from dataclasses import dataclass

from bench.load import LoadError

#: Fast requests before each slow one: the server believes in a fast application by then.
RUN_UP = 200
#: Samples beside each slow request, at random times of its 100 ms.
BESIDE = 4


@dataclass(frozen=True)
class Delays:
    """All samples, sorted, in ms."""

    samples: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.samples)

    def at(self, share: float) -> float:
        """The percentile as a share of 1."""
        return self.samples[min(self.count - 1, int(share * self.count))]


class Client:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 5)

    def ask(self, path: str) -> bytes:
        """The body of one answer."""
        self.send(path)
        return self.receive()

    def send(self, path: str) -> None:
        """Ask without waiting."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def receive(self) -> bytes:
        """The body of the next answer."""
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(None, 1)[0])
        while len(body) < length:
            body += self._more()
        return body

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise LoadError("the connection ended before the answer")
        return data

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def start_delays(port: int, slow_path: str, seconds: float) -> Delays:
    """Samples of as many slow requests, one after the other, as begin in `seconds`."""
    slow, fast = Client(port), Client(port)
    samples: list[float] = []
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            for _ in range(RUN_UP):
                slow.ask("/began")
            slow.send(slow_path)
            for _ in range(BESIDE):
                threading.Event().wait(random.uniform(0.0005, 0.02))
                sent = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
                samples.append((int(fast.ask("/began")) - sent) / 1e6)
            slow.receive()
    finally:
        slow.close()
        fast.close()
    return Delays(tuple(sorted(samples)))
