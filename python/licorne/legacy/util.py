"""What gunicorn's `util` has beside: small helpers of workers with their own network code.

Nothing of the server itself uses this file; `licorne.util` loads it when one of its names is asked
for.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from email.utils import formatdate
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from licorne.http.errorpage import page
from licorne.reloader import is_pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import NoReturn

REDIRECT_TO = os.devnull

#: Fields that are of one connection only (RFC 9110, section 7.6.1), and the server's own.
hop_headers = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers",
        "transfer-encoding", "upgrade", "server", "date",
    )
)  # fmt: skip


def is_hoppish(header: str) -> bool:
    """Whether a field belongs to the connection, or to the server."""
    return header.lower().strip() in hop_headers


def http_date(timestamp: float | None = None) -> str:
    """A date as HTTP writes it (RFC 9110, section 5.6.7)."""
    return formatdate(timestamp, usegmt=True)


def close(sock: socket.socket) -> None:
    """Close a socket, whatever state it is in."""
    try:
        sock.close()
    except OSError:  # the peer was faster
        return


def close_graceful(sock: socket.socket, timeout: float = 2.0, max_drain: int = 65536) -> None:
    """Close so that the peer can still read the answer: what it goes on sending is thrown away.

    A close with unread input resets the connection, and with it the answer (RFC 9112, 9.6).
    """
    end = time.monotonic() + timeout
    try:
        sock.shutdown(socket.SHUT_WR)
        while max_drain > 0 and (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            data = sock.recv(min(max_drain, 8192))
            if not data:
                break
            max_drain -= len(data)
    except OSError:  # gone, or silent for too long
        pass
    finally:
        close(sock)


def write(sock: socket.socket, data: bytes, chunked: bool = False) -> None:
    """Send all of it, as one chunk if wanted."""
    if chunked:
        write_chunk(sock, data)
    else:
        sock.sendall(data)


def write_chunk(sock: socket.socket, data: bytes) -> None:
    """Send one chunk (RFC 9112, section 7.1)."""
    sock.sendall(b"%X\r\n%s\r\n" % (len(data), to_bytestring(data)))


def write_nonblock(sock: socket.socket, data: bytes, chunked: bool = False) -> None:
    """Send what goes without waiting, on a socket that may wait otherwise."""
    timeout = sock.gettimeout()
    sock.setblocking(False)
    try:
        write(sock, data, chunked)
    finally:
        sock.settimeout(timeout)


def write_error(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:
    """Send an error page."""
    sock.sendall(page(status_int, reason, mesg))


def has_fileno(obj: object) -> bool:
    """Whether there is a descriptor of the system behind an object."""
    fileno: Callable[[], object] | None = getattr(obj, "fileno", None)
    if fileno is None:
        return False
    try:
        fileno()
    except (AttributeError, OSError):  # wrappers of other objects; files in memory
        return False
    return True


def to_bytestring(value: str | bytes, encoding: str = "utf8") -> bytes:
    """Bytes of a text, or the bytes."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return value.encode(encoding)


def bytes_to_str(value: str | bytes) -> str:
    """The text of bytes (latin-1, as WSGI has it), or the text."""
    return value if isinstance(value, str) else str(value, "latin1")


def unquote_to_wsgi_str(string: str) -> str:
    """A path with its %XX decoded, as WSGI has it (PEP 3333)."""
    return unquote_to_bytes(string).decode("latin-1")


def split_request_uri(uri: str) -> SplitResult:
    """The parts of a request target; two slashes in front do not begin a host here."""
    if uri.startswith("//"):
        parts = urlsplit("." + uri)
        return parts._replace(path=parts.path[1:])
    return urlsplit(uri)


def check_is_writable(path: str) -> None:
    """Raise when a file cannot be written to."""
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        raise RuntimeError(f"Error: '{path}' isn't writable [{error!r}]") from error


def warn(msg: str) -> None:
    """Print a warning to standard error."""
    lines = f"WARNING: {msg}".splitlines()
    print("!!!", *(f"!!! {line}" for line in lines), "!!!", sep="\n", file=sys.stderr)
    sys.stderr.flush()


def reraise(
    _kind: type[BaseException], value: BaseException, tb: TracebackType | None = None
) -> NoReturn:
    """Raise an exception that was caught before."""
    raise value.with_traceback(tb)


def get_username(uid: int) -> str:
    """The name of a user."""
    import pwd  # noqa: PLC0415 - rarely asked for

    return pwd.getpwuid(uid).pw_name


def get_arity(function: object) -> int:
    """How many arguments a function takes by position."""
    import inspect  # noqa: PLC0415 - rarely asked for

    if not callable(function):
        raise TypeError(f"{function!r} is not a function")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in kinds for each in inspect.signature(function).parameters.values())


def load_entry_point(distribution: str, group: str, name: str) -> object:
    """The object that an installed distribution offers under a name."""
    from importlib import metadata  # noqa: PLC0415 - rarely asked for

    points = metadata.distribution(distribution).entry_points
    found = next((each for each in points if (each.group, each.name) == (group, name)), None)
    if found is None:
        raise ImportError(f"Entry point {group}:{name} not found in {distribution}")
    made: object = found.load()
    return made


closerange = os.closerange
is_glob_pattern = is_pattern
