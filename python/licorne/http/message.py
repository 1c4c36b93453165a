"""A request by gunicorn's names, read from bytes by the engine's parser: `gunicorn.http.message`.

The requests that hooks see (`licorne.http.views`) are of this class too, over an exchange.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from licorne.config import Config
    from licorne.http.unreader import Unreader

    class Said(Protocol):
        """What a head says: an exchange, or a head alone."""

        @property
        def method(self) -> str: ...
        @property
        def uri(self) -> str: ...
        @property
        def path(self) -> str: ...
        @property
        def query(self) -> str: ...
        @property
        def version(self) -> tuple[int, int]: ...
        @property
        def protocol(self) -> str: ...
        @property
        def headers(self) -> list[tuple[str, str]]: ...
        @property
        def scheme(self) -> str: ...
        @property
        def host(self) -> str | None: ...

    #: `(ip, port)` with more behind it for IPv6; anything else for a unix socket.
    Peer = tuple[str, int] | tuple[str, int, int, int] | str | bytes | None


class Message:
    """What every request says."""

    #: Trailer fields are checked and dropped.
    trailers: tuple[tuple[str, str], ...] = ()
    #: A fragment is no part of a request target (RFC 9112, section 3.2).
    fragment = ""
    proxy_protocol_info: dict[str, object] | None = None

    def __init__(self, said: Said) -> None:
        self._said = said

    @property
    def method(self) -> str:
        """The method as received."""
        return self._said.method

    @property
    def uri(self) -> str:
        """The request target exactly as sent."""
        return self._said.uri

    @property
    def path(self) -> str:
        """The percent-encoded path."""
        return self._said.path

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self._said.query

    @property
    def version(self) -> tuple[int, int]:
        """The HTTP version."""
        return self._said.version

    @property
    def protocol(self) -> str:
        """The version as it was sent."""
        return self._said.protocol

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in upper case with their values, in the order received."""
        return self._said.headers

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self._said.scheme

    @property
    def host(self) -> str | None:
        """The host that was asked for, wherever it was said."""
        return self._said.host


class Request(Message):
    """One request out of a source of bytes."""

    def __init__(
        self, cfg: Config, unreader: Unreader, peer_addr: Peer, req_number: int = 1
    ) -> None:
        """Read a head; `StopIteration` when the peer sends none, `errors` for one that is wrong."""
        from licorne.http.body import Body  # noqa: PLC0415 - nearly all requests are exchanges
        from licorne.http.reading import Reading  # noqa: PLC0415 - likewise

        reading = Reading(cfg, unreader, peer_addr)
        super().__init__(reading.head)
        self._head = reading.head
        self.cfg = cfg
        self.unreader = unreader
        self.req_number = req_number
        self.must_close = False
        self._peer = peer_addr
        self._body = Body(reading)

    @property
    def peer_addr(self) -> Peer:
        """The address of the peer."""
        return self._peer

    @property
    def remote_addr(self) -> Peer:
        """The address of the peer, or of the client that a trusted one names."""
        return self._head.client or self._peer

    @property
    def body(self) -> object:
        """The body as a file, read from the source as it comes."""
        return self._body

    @property
    def expects_continue(self) -> bool:
        """The peer waits for `100 Continue` before it sends the body."""
        return self._head.expect_continue

    def force_close(self) -> None:
        """Let no other request come on the connection."""
        self.must_close = True

    def should_close(self) -> bool:
        """Whether no other request may come on the connection."""
        return self.must_close or not self._head.keep_alive
