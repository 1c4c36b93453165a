"""One request out of a source of bytes: the engine's parser asks, the source is read.

For `RequestParser` and what is built on it; the engine's own workers read their connections
themselves.
"""

from __future__ import annotations

import ipaddress

from licorne._engine import RequestHead, RequestReader
from licorne.http import errors
from licorne.http.rules import RequestRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config import Config
    from licorne.http.message import Peer
    from licorne.http.unreader import Unreader

#: Bytes that may wait for the end of a head; the limits of the settings end it long before.
MOST = 1 << 28


class Reading:
    """A request that is being read: its head is there, its body comes as it is asked for."""

    def __init__(self, cfg: Config, unreader: Unreader, peer: Peer, number: int) -> None:
        """Read a head; `StopIteration` when the peer sends none, `errors` for one that is wrong."""
        self._unreader = unreader
        self._reader = RequestReader(MOST, RequestRules(cfg), _host(peer), first=number == 1)
        self._piece = b""
        self._over = False
        self.head = self._read_head()

    def _read_head(self) -> RequestHead:
        data = self._unreader.read()
        if not data:
            raise StopIteration
        self._reader.feed(data)
        while (head := self._reader.head()) is None:
            data = self._unreader.read()
            if not data:
                raise errors.NoMoreData(self._reader.rest())
            self._reader.feed(data)
        if not isinstance(head, RequestHead):
            raise errors.of(head)
        # Not the body's alone: an upgraded connection goes on with it.
        self._unreader.unread(self._reader.rest())
        return head

    @property
    def proxy_protocol_info(self) -> dict[str, object] | None:
        """What the PROXY header says that the connection has begun with."""
        return self._reader.proxy_protocol_info

    def read(self, size: int, /) -> bytes:
        """Bytes of the body: at least one, and at most so many; nothing at its end."""
        if not self._piece and not self._over:
            self._piece = self._read_piece()
        data, self._piece = self._piece[:size], self._piece[size:]
        return data

    def _read_piece(self) -> bytes:
        while (piece := self._reader.body()) is None:
            data = self._unreader.read()
            if data:
                self._reader.feed(data)
            else:
                self._reader.end()
        if not isinstance(piece, bytes):
            raise errors.of(piece, self._reader.rest())
        if not piece:
            self._over = True
            # What follows is the next request's.
            self._unreader.unread(self._reader.rest())
        return piece


def _host(peer: Peer) -> str:
    """How the parser names a peer: those without an IP address are on a unix socket."""
    if not isinstance(peer, tuple):
        return "unix"
    host = str(peer[0]).partition("%")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # No peer has the unspecified address: a peer by a name is trusted only with `*`.
        return "0.0.0.0"
    return host
