"""Applications that do wrong, one per path: the server must stay right."""

# ruff: noqa: TRY301 - exceptions are raised here to be seen

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, object]
    StartResponse = Callable[..., Callable[[bytes], object]]

TEXT = [("Content-Type", "text/plain")]


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Do the wrong thing that the path names."""
    return PATHS[str(environ["PATH_INFO"])](environ, start_response)


def tell(line: str) -> None:
    sys.stderr.write(f"app: {line}\n")


def fine(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    return [b"fine"]


def raises(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("the view is broken")


def exits(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    raise SystemExit(7)


def interrupts(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    raise KeyboardInterrupt


def raises_after_start(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    raise RuntimeError("after start_response")


def raises_in_body(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    return Breaking()


class Breaking:
    """Gives one block, then breaks; tells when it is closed."""

    def __init__(self) -> None:
        self._given = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._given:
            raise RuntimeError("in the middle of the body")
        self._given = True
        return b"the first block"

    def close(self) -> None:
        tell("closed after the error")


def close_raises(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return CloseRaises()


class CloseRaises:
    """Complete, but `close` fails."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"done"])

    def close(self) -> None:
        raise RuntimeError("in close")


def exc_info_after_head(_environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", TEXT)
    yield b"a block that sends the head"
    try:
        raise ValueError("too late")
    except ValueError:
        start_response("500 Too Late", TEXT, sys.exc_info())
    yield b"never sent"


def never_starts(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    return [b"no head for this"]


def never_starts_empty(_environ: Environ, _start_response: StartResponse) -> Iterable[bytes]:
    return []


def starts_twice(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"twice"]


def too_few(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "100")])
    return [b"only a few"]


def too_many(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    return [b"four", b" and more", b" and more"]


def too_many_in_a_block(_environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    yield b"fo"
    yield b"ur and more"
    raise RuntimeError("no more is asked for")


def too_many_written(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    write(b"fo")
    write(b"ur and more")
    return [b"and more"]


def head(status: object, fields: object) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    def answer(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, fields)
        return [b"a body"]

    return answer


def body(value: object) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    def answer(_environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", TEXT)
        return value  # type: ignore[return-value]

    return answer


#: Heads that must be refused, by path.
HEADS = {
    "/head/newline-in-value": head("200 OK", [("X-A", "a\r\nX-Injected: yes")]),
    "/head/lf-in-value": head("200 OK", [("X-A", "a\nX-Injected: yes")]),
    "/head/nul-in-value": head("200 OK", [("X-A", "a\0b")]),
    "/head/newline-in-name": head("200 OK", [("X-A: b\r\nX-Injected", "yes")]),
    "/head/space-in-name": head("200 OK", [("X A", "a")]),
    "/head/empty-name": head("200 OK", [("", "a")]),
    "/head/newline-in-status": head("200 OK\r\nX-Injected: yes", TEXT),
    "/head/no-number": head("OK", TEXT),
    "/head/status-not-text": head(200, TEXT),
    "/head/value-not-text": head("200 OK", [("X-A", 5)]),
    "/head/name-not-text": head("200 OK", [(b"X-A", "a")]),
    "/head/not-pairs": head("200 OK", ["X-A"]),
    "/head/not-latin-1": head("200 OK", [("X-A", "\u20ac")]),
    "/head/length-not-a-number": head("200 OK", [("Content-Length", "six")]),
    "/head/two-lengths": head("200 OK", [("Content-Length", "6"), ("Content-Length", "7")]),
}
#: Bodies that are no iterable of bytes, by path.
BODIES = {
    "/body/none": body(None),
    "/body/number": body(5),
    "/body/text": body("text"),
    "/body/list-of-text": body(["text"]),
    "/body/list-of-numbers": body([1, 2]),
    "/body/object": body(object()),
}
PATHS: dict[str, Callable[[Environ, StartResponse], Iterable[bytes]]] = {
    "/fine": fine,
    "/raises": raises,
    "/exits": exits,
    "/interrupts": interrupts,
    "/raises-after-start": raises_after_start,
    "/raises-in-body": raises_in_body,
    "/close-raises": close_raises,
    "/exc-info-after-head": exc_info_after_head,
    "/never-starts": never_starts,
    "/never-starts-empty": never_starts_empty,
    "/starts-twice": starts_twice,
    "/too-few": too_few,
    "/too-many": too_many,
    "/too-many-written": too_many_written,
    "/too-many-in-a-block": too_many_in_a_block,
    **HEADS,
    **BODIES,
}
