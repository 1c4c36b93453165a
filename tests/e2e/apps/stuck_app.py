"""Ways to take too long: asleep, busy, in C code that keeps the interpreter, in the middle."""

from __future__ import annotations

import os
import time
from collections import deque
from itertools import repeat
from urllib.parse import parse_qs

from gates import wait_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    StartResponse = Callable[..., Callable[[bytes], object]]

#: Longer than any test waits.
FOR_EVER = 600.0


def asleep_in_the_view() -> None:
    """In the kernel, without the interpreter lock."""
    time.sleep(FOR_EVER)


def busy_in_the_view() -> None:
    """In Python code."""
    end = time.monotonic() + FOR_EVER
    while time.monotonic() < end:
        pass


def hogging_in_the_view() -> None:
    """In C code that keeps the interpreter lock and looks at no signal."""
    deque(repeat(None, 10**12), maxlen=0)


def begun_in_the_view() -> Iterator[bytes]:
    """A response that begins and does not end."""
    yield b"the beginning"
    asleep_in_the_view()


class Closing:
    """A body that says when it is closed, however late."""

    def __init__(self, gate: str) -> None:
        self._gate = gate

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        wait_at(self._gate)
        yield b"too late"

    def close(self) -> None:
        """Called by the server."""
        os.write(2, b"app: closed\n")


def waiting_in_the_view(gate: str) -> None:
    """Until the test opens the gate."""
    wait_at(gate)
    os.write(2, b"app: went on\n")


def application(environ: dict[str, str], start_response: StartResponse) -> Iterable[bytes]:
    """Dispatch on the path."""
    path = environ["PATH_INFO"]
    gate = parse_qs(environ["QUERY_STRING"]).get("gate", [""])[0]
    name = path.rpartition("/")[2]
    if name == "begun":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return begun_in_the_view()
    if name == "closing":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Closing(gate)
    if name == "written":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        waiting_in_the_view(gate)
        try:
            write(b"too late")
        except BrokenPipeError:
            os.write(2, b"app: the client is gone\n")
        return []
    if name == "waiting":
        waiting_in_the_view(gate)
    elif name in {"asleep", "busy", "hogging"}:
        {"asleep": asleep_in_the_view, "busy": busy_in_the_view, "hogging": hogging_in_the_view}[
            name
        ]()
    body = f"pid {os.getpid()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
