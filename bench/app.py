"""The WSGI application that every server serves: one path per scenario.

It does as little as can be done, so that what is measured is the server. Bodies are made once.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, object]
    StartResponse = Callable[[str, list[tuple[str, str]]], object]

HELLO = b"Hello, World!"
BIG = bytes(range(256)) * 4096
BLOCK = b"x" * 1024
BLOCKS = 1000
FILE_SIZE = 10 * 1024 * 1024
PAUSE = 0.1
#: Seconds in which a database near by answers.
BRIEF = 0.0003
#: Seconds that a view of an overloaded server takes.
TURN = 0.01
#: Seconds for which a long poll waits: longer than a thousand of them take to come.
WAIT = 5.0


class Input(Protocol):
    """What the application asks of `wsgi.input`."""

    def read(self, size: int, /) -> bytes: ...


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer by path; `/` first, because it is the one that is counted in microseconds."""
    path = environ["PATH_INFO"]
    if path == "/":
        start_response("200 OK", HELLO_HEAD)
        return [HELLO]
    answer = PATHS.get(str(path))
    if answer is None:
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return [b""]
    return answer(environ, start_response)


def echo(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send the request's body back."""
    body = b"".join(blocks_of(environ))
    return whole(start_response, body)


def upload(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Read the request's body and answer its size."""
    size = sum(len(block) for block in blocks_of(environ))
    return whole(start_response, b"%d" % size)


def big(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 1 MB: one object, however many clients there are."""
    return whole(start_response, BIG)


def stream(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 1,000 blocks of 1 KB without saying how many."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return (BLOCK for _ in range(BLOCKS))


def brief(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Wait as for a database near by, then answer."""
    time.sleep(BRIEF)
    return whole(start_response, HELLO)


def halting(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer two blocks with a pause between: does the first one leave before the second?"""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    yield BLOCK
    time.sleep(PAUSE)
    yield BLOCK


def file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a file of 10 MB through `wsgi.file_wrapper`, or block by block where there is none."""
    handle = open(file_path(), "rb")  # noqa: SIM115 - the server closes what it is handed
    head = [("Content-Type", "application/octet-stream"), ("Content-Length", str(FILE_SIZE))]
    start_response("200 OK", head)
    wrapper = environ.get("wsgi.file_wrapper")
    if callable(wrapper):
        return wrapper(handle, 65536)  # type: ignore[no-any-return]
    return iter(lambda: handle.read(65536), b"")


def slow(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer after 100 ms, as a view does that waits for a database."""
    time.sleep(PAUSE)
    return whole(start_response, HELLO)


def turn(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer after 10 ms: one thread can do a hundred of these a second."""
    time.sleep(TURN)
    return whole(start_response, HELLO)


def poll(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Let the client wait for news that take their time."""
    time.sleep(WAIT)
    return whole(start_response, HELLO)


def busy(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer after 100 ms of computing in Python."""
    end = time.monotonic() + PAUSE
    while time.monotonic() < end:
        pass
    return whole(start_response, HELLO)


def compute(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer after 100 ms of processor time, however many others want the processor."""
    end = time.thread_time() + PAUSE
    while time.thread_time() < end:
        pass
    return whole(start_response, HELLO)


def term(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer after 200 ms which process ran it."""
    time.sleep(2 * PAUSE)
    return whole(start_response, b"%d" % os.getpid())


def began(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer when the application was called: the machine's own clock, in nanoseconds."""
    return whole(start_response, b"%d" % time.clock_gettime_ns(time.CLOCK_MONOTONIC))


def pid(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer which process runs the application."""
    return whole(start_response, b"%d" % os.getpid())


def whole(start_response: StartResponse, body: bytes) -> list[bytes]:
    start_response(
        "200 OK",
        [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))],
    )
    return [body]


def blocks_of(environ: Environ) -> Iterator[bytes]:
    """The request's body; never asks past its length, as PEP 3333 demands of applications."""
    stream: Input = environ["wsgi.input"]  # type: ignore[assignment]
    left = int(str(environ.get("CONTENT_LENGTH") or 0))
    while left > 0:
        block = stream.read(min(left, 65536))
        if not block:
            return
        left -= len(block)
        yield block


def file_path() -> str:
    """The file of 10 MB, made at the first request for it."""
    global FILE  # noqa: PLW0603 - found once per process
    if FILE is None:
        path = os.path.join(tempfile.gettempdir(), f"licorne-bench-{os.getuid()}.bin")
        if not os.path.exists(path) or os.path.getsize(path) != FILE_SIZE:
            with tempfile.NamedTemporaryFile(delete=False) as handle:
                handle.write(BIG * (FILE_SIZE // len(BIG)))
            os.rename(handle.name, path)
        FILE = path
    return FILE


HELLO_HEAD = [("Content-Type", "text/plain"), ("Content-Length", str(len(HELLO)))]
FILE: str | None = None
PATHS = {
    "/echo": echo,
    "/upload": upload,
    "/big": big,
    "/stream": stream,
    "/brief": brief,
    "/turn": turn,
    "/halting": halting,
    "/file": file,
    "/slow": slow,
    "/poll": poll,
    "/busy": busy,
    "/compute": compute,
    "/term": term,
    "/began": began,
    "/pid": pid,
}
