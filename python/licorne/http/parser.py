"""Requests out of a socket or of pieces of bytes, one after the other: gunicorn's `RequestParser`.

The parser is the engine's, and what it refuses is raised as one of `licorne.http.errors`.
"""

from __future__ import annotations

import time
from typing import cast

from licorne.http.body import Body
from licorne.http.message import Request
from licorne.http.unreader import IterUnreader, SocketUnreader

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from licorne.config import Config
    from licorne.http.message import Peer

#: Bytes of a body that was not read, thrown away at once.
PIECE = 8192
#: Bytes of it that are read when there is a deadline (gunicorn's number).
MOST = 64 * 1024


class Parser:
    """Iterates over the requests of a connection."""

    #: The class of the requests; a subclass may name its own.
    mesg_class: type[Request] = Request

    def __init__(
        self, cfg: Config, source: socket.socket | Iterable[bytes], source_addr: Peer
    ) -> None:
        self.cfg = cfg
        self.unreader = _unreader(source)
        self.source_addr = source_addr
        self.mesg: Request | None = None
        self.req_count = 0

    def __iter__(self) -> Parser:
        return self

    def __next__(self) -> Request:
        """The next request; what is left of the body of the last one is thrown away."""
        if self.mesg is not None and (self.mesg.should_close() or not self.finish_body()):
            raise StopIteration
        before = None if self.mesg is None else self.mesg.proxy_protocol_info
        self.req_count += 1
        self.mesg = self.mesg_class(self.cfg, self.unreader, self.source_addr, self.req_count)
        if before is not None:
            # It is said once, for the whole connection.
            self.mesg.proxy_protocol_info = before
        return self.mesg

    next = __next__

    def finish_body(self, deadline: float | None = None, max_bytes: int | None = None) -> bool:
        """Throw away what is left of the last body, up to a deadline of the monotonic clock.

        False: it has not ended, or cannot, and no other request may be read.
        """
        body = None if self.mesg is None else self.mesg.body
        if not isinstance(body, Body):
            return True
        if deadline is not None and max_bytes is None:
            max_bytes = MOST
        return _drain(body, self.unreader, deadline, max_bytes)


class RequestParser(Parser):
    """Iterates over HTTP/1 requests."""


def _unreader(source: socket.socket | Iterable[bytes]) -> SocketUnreader | IterUnreader:
    # Whatever can receive counts as a socket: one with TLS, one of gevent's.
    if hasattr(source, "recv"):
        return SocketUnreader(cast("socket.socket", source))
    return IterUnreader(source)


def _drain(
    body: Body,
    unreader: SocketUnreader | IterUnreader,
    deadline: float | None,
    most: int | None,
) -> bool:
    sock = unreader.sock if isinstance(unreader, SocketUnreader) and deadline is not None else None
    before = None if sock is None else sock.gettimeout()
    taken = 0
    try:
        while not body.failed:
            if sock is not None and deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                sock.settimeout(left)
            data = body.read1(PIECE)
            if not data:
                return True
            taken += len(data)
            if most is not None and taken >= most:
                return False
    except TimeoutError:
        return False
    finally:
        if sock is not None:
            sock.settimeout(before)
    return False
