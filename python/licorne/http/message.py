"""A request by gunicorn's names, read from bytes by the engine's parser: `gunicorn.http.message`.

The requests that hooks see (`licorne.http.views`) are of this class too, over an exchange. What a
head says is asked for once; everything can be assigned, as in gunicorn, where it is plain data.
"""

from __future__ import annotations

from functools import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
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

    must_close = False

    def __init__(self, said: Said, cfg: Config) -> None:
        self._said = said
        self.cfg = cfg

    @cached_property
    def proxy_protocol_info(self) -> dict[str, object] | None:
        """What the PROXY header says that the connection has begun with."""
        return None

    @cached_property
    def method(self) -> str:
        """The method as received."""
        return self._said.method

    @cached_property
    def uri(self) -> str:
        """The request target exactly as sent."""
        return self._said.uri

    @cached_property
    def path(self) -> str:
        """The percent-encoded path."""
        return self._said.path

    @cached_property
    def query(self) -> str:
        """What follows the question mark."""
        return self._said.query

    @cached_property
    def fragment(self) -> str:
        """What follows the `#` that some clients send, though it is no part of a request."""
        return self._said.uri.partition("#")[2]

    @cached_property
    def version(self) -> tuple[int, int]:
        """The HTTP version."""
        return self._said.version

    @cached_property
    def protocol(self) -> str:
        """The version as it was sent."""
        return self._said.protocol

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Names in upper case with their values, in the order received."""
        return self._said.headers

    @cached_property
    def trailers(self) -> list[tuple[str, str]]:
        """Nothing: trailer fields are checked and dropped."""
        return []

    @cached_property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self._said.scheme

    @cached_property
    def host(self) -> str | None:
        """The host that was asked for, wherever it was said."""
        return self._said.host

    @cached_property
    def limit_request_line(self) -> int:
        """The setting of this name."""
        return self.cfg.limit_request_line

    @cached_property
    def limit_request_fields(self) -> int:
        """The setting of this name."""
        return self.cfg.limit_request_fields

    @cached_property
    def limit_request_field_size(self) -> int:
        """The setting of this name."""
        return self.cfg.limit_request_field_size

    @cached_property
    def max_buffer_headers(self) -> int:
        """The most that all header fields may take (gunicorn's formula)."""
        return self.limit_request_fields * (self.limit_request_field_size + 2) + 4

    def force_close(self) -> None:
        """Let no other request come on the connection."""
        self.must_close = True


class Request(Message):
    """One request out of a source of bytes."""

    def __init__(
        self, cfg: Config, unreader: Unreader, peer_addr: Peer, req_number: int = 1
    ) -> None:
        """Read a head; `StopIteration` when the peer sends none, `errors` for one that is wrong."""
        from licorne.http.body import Body  # noqa: PLC0415 - nearly all requests are exchanges
        from licorne.http.reading import Reading  # noqa: PLC0415 - likewise

        reading = Reading(cfg, unreader, peer_addr, req_number)
        super().__init__(reading.head, cfg)
        self._head = reading.head
        self._peer = peer_addr
        self.unreader = unreader
        self.req_number = req_number
        self.body = Body(reading)
        self.proxy_protocol_info = reading.proxy_protocol_info

    @cached_property
    def req_number(self) -> int:
        """The number of the request on its connection, from 1."""
        return 1

    @cached_property
    def unreader(self) -> Unreader:
        """Where its bytes come from."""
        raise AttributeError("this request has no unreader")

    @cached_property
    def peer_addr(self) -> Peer:
        """The address of the peer."""
        return self._peer

    @cached_property
    def remote_addr(self) -> Peer:
        """The address of the peer, or of the client that a trusted one names."""
        return self._head.client or self._peer

    @cached_property
    def body(self) -> object:
        """The body as a file, read from the source as it comes."""
        return None

    @property
    def expects_continue(self) -> bool:
        """The peer waits for `100 Continue` before it sends the body."""
        return self._head.expect_continue

    def should_close(self) -> bool:
        """Whether no other request may come on the connection."""
        return self.must_close or not self._head.keep_alive


def environ_fields(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The environ entries of header fields; those that are repeated, joined (RFC 9110, 5.3)."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key == "PROXY":
            # HTTP clients would take HTTP_PROXY for the proxy to use.
            continue
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        values.setdefault(key, []).append(value)
    # RFC 6265, section 5.4: cookies have a separator of their own.
    return {key: ("; " if key == "HTTP_COOKIE" else ",").join(each) for key, each in values.items()}
