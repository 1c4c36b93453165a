"""An application that takes its connection over, and goes on with a WSGI response there."""

from __future__ import annotations

import sys
from pathlib import Path

from gates import wait_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    StartResponse = Callable[[str, list[tuple[str, str]]], object]

#: Much more than fits between the server and a client that does not read.
BLOCKS = 256
BLOCK = b"x" * (1 << 20)
#: More than a unix socket keeps for a client that does not read, and less than the server keeps for
#: one before it takes its next request.
UNREAD = int(Path("/proc/sys/net/core/wmem_default").read_text(encoding="ascii")) + (128 << 10)


def application(environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/unread":
        start_response("200 OK", [("Content-Length", str(UNREAD))])
        return [b"x" * UNREAD]
    path, query = str(environ["PATH_INFO"]), str(environ["QUERY_STRING"])
    connection = environ["gunicorn.socket"]
    if path == "/large":
        connection.fileno()  # type: ignore[attr-defined]
        start_response("200 OK", [])
        return (BLOCK for _ in range(BLOCKS))
    if path == "/duplicate":
        sys.stderr.write("app: takes it over\n")
        other = connection.dup()  # type: ignore[attr-defined]
        said = other.recv(100)
        other.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + said.upper())
        other.close()
        return []
    if path == "/wait":
        wait_at(query)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
