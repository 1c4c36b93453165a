"""An application that does right: one path for each thing that a test looks at.

What only the inside can see (that `close()` was called, say) is written to stderr, where the test
waits for the line.
"""

# ruff: noqa: TRY301 - exceptions are raised here to be seen
# ruff: noqa: PLC0415 - hundreds of servers are started with this: each loads only what it is asked

from __future__ import annotations

import io
import os
import sys
import threading

from gates import spin_at, wait_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO, Protocol

    Environ = dict[str, object]
    StartResponse = Callable[..., Callable[[bytes], object]]

    class Input(Protocol):
        """`wsgi.input` as PEP 3333 describes it."""

        def read(self, size: int = ...) -> bytes: ...
        def readline(self, size: int = ...) -> bytes: ...
        def readlines(self, size: int = ...) -> list[bytes]: ...
        def __iter__(self) -> Iterator[bytes]: ...

    class Response(Protocol):
        """What `start_response` is bound to in gunicorn."""

        status: str | None
        headers: list[tuple[str, str]]
        status_code: int
        headers_sent: bool
        response_length: int | None


TEXT = [("Content-Type", "text/plain")]
FILE_BYTES = bytes(range(256)) * 4096
FILE_LENGTH = len(FILE_BYTES)


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Find the answer by path."""
    tell(f"called {environ['RAW_URI']}")
    answer = PATHS.get(str(environ["PATH_INFO"]), environ_as_json)
    return answer(environ, start_response)


def tell(line: str) -> None:
    """Write a line for the test to wait for."""
    # Not os.write: eventlet lets one greenlet at a time wait at a descriptor.
    sys.stderr.write(f"app: {line}\n")


def query(environ: Environ) -> dict[str, str]:
    """The query as a dict."""
    from urllib.parse import parse_qsl

    return dict(parse_qsl(str(environ["QUERY_STRING"])))


def hello(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return [b"hello"]


def environ_as_json(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """All environ keys with a str, bool, int or tuple; of the others the type's name."""
    import json

    plain = {
        key: value if isinstance(value, (str, bool, int, tuple)) else type(value).__name__
        for key, value in environ.items()
    }
    body = json.dumps(plain).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


def read(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Consume the body in the way that ?how= says, and answer what came out."""
    import json

    stream: Input = environ["wsgi.input"]  # type: ignore[assignment]
    parts = consumed(stream, query(environ).get("how", "read"))
    # Past the end there is nothing, however often and in whatever way one asks.
    past = [stream.read(), stream.read(10), stream.readline(), *stream.readlines()]
    answer = {
        "parts": [part.decode("latin-1") for part in parts],
        "past": [part.decode("latin-1") for part in past],
        "length": environ.get("CONTENT_LENGTH"),
        "coding": environ.get("HTTP_TRANSFER_ENCODING"),
        "terminated": environ.get("wsgi.input_terminated"),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


def consumed(stream: Input, how: str) -> list[bytes]:  # noqa: C901 - one branch for each way
    """The parts that a way to read gives."""
    parts: list[bytes] = []
    if how == "read":
        parts = [stream.read()]
    elif how == "sizes":
        parts = [stream.read(3), stream.read(0), stream.read(4), stream.read(1 << 30)]
    elif how == "readline":
        parts = list(iter(stream.readline, b""))
    elif how == "short lines":
        parts = list(iter(lambda: stream.readline(4), b""))
    elif how == "readlines":
        parts = stream.readlines()
    elif how == "iterate":
        parts = list(stream)
    elif how == "named size":
        parts = [stream.read(size=4), stream.readline(size=100), *stream.readlines(size=100)]
    elif how == "buffered":
        with io.BufferedReader(stream) as buffered:  # type: ignore[type-var]
            parts = [buffered.read(6), buffered.readline(), *buffered]
    elif how == "text":
        text = io.TextIOWrapper(io.BufferedReader(stream), "latin-1", newline="")  # type: ignore[type-var]
        parts = [line.encode("latin-1") for line in text]
    elif how == "mixed":
        parts = [stream.readline(), stream.read(2), *stream]
    return parts


def ignore_body(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    return [b"ignored"]


def digest(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The SHA-256 of the body, read in blocks."""
    import hashlib

    stream: Input = environ["wsgi.input"]  # type: ignore[assignment]
    seen = hashlib.sha256()
    while block := stream.read(65536):
        seen.update(block)
    start_response("200 OK", TEXT)
    return [seen.hexdigest().encode()]


def status(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The status that ?code= says, with a body whether it may have one or not."""
    code = query(environ)["code"]
    start_response(f"{code} Whatever", [*TEXT, ("X-Kept", "yes")])
    return [b"a body"]


def blocks(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Three blocks in the form that ?as= says."""
    parts = [b"one,", b"two,", b"three"]
    forms: dict[str, Callable[[], Iterable[bytes]]] = {
        "list": lambda: parts,
        "tuple": lambda: tuple(parts),
        "generator": lambda: (part for part in parts),
        "iterator": lambda: iter(parts),
        "holes": lambda: iter([b"", *parts, b""]),
        "old protocol": lambda: OldProtocol(parts),  # type: ignore[dict-item,return-value]
        "late start": lambda: late_start(start_response, parts),
        "subclasses": lambda: [BytesSubclass(part) for part in parts],
        "single": lambda: [b"".join(parts)],
        "none": list,
        "lying": Lying,
        "lying list": lambda: LyingList(parts),
    }
    form = query(environ)["as"]
    if form != "late start":
        start_response("200 OK", TEXT)
    return forms[form]()


class OldProtocol:
    """Iterable through `__getitem__` alone."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def __getitem__(self, index: int) -> bytes:
        return self._parts[index]


class BytesSubclass(bytes):
    """What some frameworks yield."""


def late_start(start_response: StartResponse, parts: list[bytes]) -> Iterator[bytes]:
    """A generator that starts the response when it is first asked."""
    start_response("200 OK", TEXT)
    yield from parts


class Closing:
    """An iterable whose `close` is told."""

    def __init__(self, name: str, parts: Iterable[bytes]) -> None:
        self._name = name
        self._parts = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._parts)

    def close(self) -> None:
        tell(f"closed {self._name}")


def closing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    return Closing(query(environ)["name"], [b"to be ", b"closed"])


def endless(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Blocks without end, until the server gives up on the client."""
    start_response("200 OK", TEXT)
    return Closing(query(environ)["name"], iter(lambda: b"x" * 65536, b""))


class Lying:
    """Says that it has one block, and has three."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"one,", b"two,", b"three"])


class LyingList(list[bytes]):
    """A list that says so."""

    def __len__(self) -> int:
        return 1


def too_long(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """More than the ?length= that is announced, without an end, in the form that ?as= says."""
    from pathlib import Path

    asked = query(environ)
    form, length = asked["as"], asked["length"]
    start_response("200 OK", [*TEXT, ("Content-Length", length)])
    blocks = iter(lambda: b"x" * 1000, b"")
    if form == "generator":
        return Closing(asked["name"], (block for block in blocks))
    if form == "exactly":
        # A caller that asks for more waits for ever.
        return Closing(asked["name"], exactly(int(length)))
    if form == "pipe":
        reading, writing = os.pipe()
        # The writer stays: there is no end to be found behind the length.
        os.write(writing, b"x" * int(length))
        source: IO[bytes] = Told(os.fdopen(reading, "rb"), asked["name"], writing)  # type: ignore[assignment]
    else:
        zeros = Path("/dev/zero").open("rb")  # noqa: SIM115
        source = Told(zeros, asked["name"])  # type: ignore[assignment]
    wrapper: Callable[..., Iterable[bytes]] = environ["wsgi.file_wrapper"]  # type: ignore[assignment]
    return wrapper(source, 8192)


def exactly(length: int) -> Iterator[bytes]:
    yield b"x" * length
    threading.Event().wait()


class Told:
    """A file that tells when it is closed."""

    def __init__(self, file: IO[bytes], name: str, *descriptors: int) -> None:
        self._file, self._name, self._descriptors = file, name, descriptors

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        tell(f"closed {self._name}")


def keywords(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """`start_response` by keyword, headers as lists; what it is bound to tells the rest."""
    import json

    response: Response = start_response.__self__  # type: ignore[attr-defined]
    before = [response.status, response.headers, response.headers_sent]
    start_response(status="202 Sure", headers=[["X-A", "1"], ["Content-Length", "300"]])
    after = [response.status, response.headers, response.status_code, response.response_length]
    answer = json.dumps({"before": before, "after": after}).encode()
    yield answer.ljust(300)


def gate(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """One block; the second one when the pipe was written to that ?fifo= names.

    ?more= gives so many blocks ahead of the first; with ?hold= no other code runs meanwhile.
    """
    start_response("200 OK", TEXT)
    asked = query(environ)
    wait = hold_at if "hold" in asked else wait_at
    return gated(asked["fifo"], int(asked.get("more", 0)), wait)


def gated(fifo: str, more: int, wait: Callable[[str], None]) -> Iterator[bytes]:
    for _ in range(more):
        yield b"zeroth"
    yield b"first"
    tell("waits at the gate")
    wait(fifo)
    yield b"second"


def wait(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer when the pipe was written to."""
    fifo = query(environ)["fifo"]
    tell(f"waits {fifo}")
    wait_at(fifo)
    start_response("200 OK", TEXT)
    return [b"waited"]


def spin(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Compute until the pipe was written to."""
    tell("spins")
    spin_at(query(environ)["fifo"])
    start_response("200 OK", TEXT)
    return [b"spun"]


def hold(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Wait in C code that does not let the interpreter go, until it was written to."""
    tell("holds the interpreter")
    hold_at(query(environ)["fifo"])
    start_response("200 OK", TEXT)
    return [b"held"]


def hold_at(fifo: str) -> None:
    import ctypes

    pipe = os.open(fifo, os.O_RDWR)  # with a writer of its own, open does not wait
    ctypes.PyDLL(None).read(pipe, ctypes.create_string_buffer(1), 1)
    os.close(pipe)


def writer(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The callable that start_response returns, then an iterable."""
    write = start_response("200 OK", TEXT)
    write(b"written, ")
    write(b"")
    write(b"then ")
    return [b"returned"]


def replaced(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """An error before anything was sent: the second head replaces the first."""
    start_response("200 OK", [*TEXT, ("X-First", "1"), ("Content-Length", "1000")])
    try:
        raise ValueError("on the way")
    except ValueError:
        start_response("503 Sorry", [*TEXT, ("X-Second", "2")], sys.exc_info())
    return [b"replaced"]


def replaced_after_empty_block(_environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """An empty block sends nothing: the head can still be replaced after it."""
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    yield b""
    try:
        raise ValueError("on the way")
    except ValueError:
        start_response("503 Sorry", [*TEXT, ("X-Second", "2")], sys.exc_info())
    yield b"replaced"


def hints(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """103 Early Hints before the answer, and one that comes too late."""
    hint: Callable[[list[tuple[str | bytes, str | bytes]]], object]
    hint = environ["wsgi.early_hints"]  # type: ignore[assignment]
    hint([("Link", "</style.css>; rel=preload"), (b"Link", b"</code.js>; rel=preload")])
    start_response("200 OK", TEXT)
    return [b"hinted"]


def fields(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Fields that a server must keep as they are, and those that are its own."""
    start_response(
        "200 OK",
        [
            *TEXT,
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=2; Path=/"),
            ("X-Latin", "caf\xe9"),
            ("X-Empty", ""),
            ("Server", "me"),
            ("Date", "yesterday"),
            ("Connection", "close"),
            ("Keep-Alive", "timeout=5"),
            ("Transfer-Encoding", "chunked"),
        ],
    )
    return [b"fields"]


def big(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """As many MB as ?mb= says, in one block."""
    body = FILE_BYTES * int(query(environ).get("mb", "1"))
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(body)))])
    return [body]


def special_file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A file whose bytes are not simply those of its descriptor, through wsgi.file_wrapper."""
    asked = query(environ)
    source = opened(asked["kind"], asked.get("path", ""))
    start_response("200 OK", TEXT)
    wrapper: Callable[..., Iterable[bytes]] = environ["wsgi.file_wrapper"]  # type: ignore[assignment]
    return wrapper(source, 8192)


def opened(kind: str, path: str) -> object:
    """What `special_file` sends."""
    import bz2
    import gzip
    import lzma
    import tempfile
    from pathlib import Path

    if kind == "path":
        return Path(path).open("rb")
    if kind == "text":
        return Path(path).open(encoding="latin-1")
    if kind == "subclass":
        return Shouting(path)
    if kind == "named":
        named = tempfile.NamedTemporaryFile()  # noqa: SIM115
        named.write(FILE_BYTES)
        named.seek(0)
        return named
    opener = {"gzip": gzip.open, "bz2": bz2.open, "lzma": lzma.open}[kind]
    return opener(path)


class Shouting(io.FileIO):
    """Reads something else than what is in the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(-1 if size is None else size).upper()


class Unnumbered(io.BytesIO):
    """A file-like object without a descriptor, that tells when it is closed."""

    def close(self) -> None:
        if not self.closed:
            tell("closed the file-like object")
        super().close()


def file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """A file through wsgi.file_wrapper: ?kind= real or like, ?offset=, ?length= announced."""
    import tempfile

    asked = query(environ)
    if asked.get("kind", "real") == "real":
        handle: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        handle.write(FILE_BYTES)
        handle.flush()
    else:
        handle = Unnumbered(FILE_BYTES)
    handle.seek(int(asked.get("offset", "0")))
    head = list(TEXT)
    if "length" in asked:
        head.append(("Content-Length", asked["length"]))
    start_response("200 OK", head)
    wrapper: Callable[..., Iterable[bytes]] = environ["wsgi.file_wrapper"]  # type: ignore[assignment]
    return wrapper(handle, 8192)


def take_over(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Speak on the socket itself, as WebSocket libraries do."""
    connection = environ["gunicorn.socket"]
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: shout\r\n\r\n")  # type: ignore[attr-defined]
    said = connection.recv(100)  # type: ignore[attr-defined]
    connection.sendall(said.upper())  # type: ignore[attr-defined]
    connection.close()  # type: ignore[attr-defined]
    del start_response
    return []


def thread_name(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    return [threading.current_thread().name.encode()]


def pid(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    return [str(os.getpid()).encode()]


PATHS: dict[str, Callable[[Environ, StartResponse], Iterable[bytes]]] = {
    "/": hello,
    "/read": read,
    "/ignore-body": ignore_body,
    "/digest": digest,
    "/status": status,
    "/blocks": blocks,
    "/closing": closing,
    "/endless": endless,
    "/gate": gate,
    "/wait": wait,
    "/hold": hold,
    "/spin": spin,
    "/writer": writer,
    "/replaced": replaced,
    "/replaced-after-empty-block": replaced_after_empty_block,
    "/fields": fields,
    "/hints": hints,
    "/big": big,
    "/file": file,
    "/take-over": take_over,
    "/too-long": too_long,
    "/keywords": keywords,
    "/special-file": special_file,
    "/thread": thread_name,
    "/pid": pid,
}
