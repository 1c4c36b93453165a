"""`req` and `resp` of hooks and of `Logger.access`: gunicorn's attributes over an exchange.

Views only: each attribute asks the engine's exchange, nothing is parsed or kept here. What a hook
sets on them itself (`req.started = …`) stays for the hooks after it and for `Logger.access`.
"""

from __future__ import annotations

from licorne.http import message
from licorne.http.wsgi import client_socket_class, let_go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Exchange
    from licorne.http.wsgi import Takeable


class Request(message.Request):
    """The request of an exchange."""

    _socket: Takeable | None = None
    #: What was asked for once is kept: hooks add to it.
    _headers: list[tuple[str, str]] | None = None
    _received = 0

    def __init__(self, exchange: Exchange) -> None:
        message.Message.__init__(self, exchange)
        self._exchange = exchange

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in upper case with their values, in the order received; then what a hook adds."""
        if self._headers is None:
            self._headers = self._exchange.headers
            self._received = len(self._headers)
        return self._headers

    def tell_added(self, environ: dict[str, object]) -> None:
        """Put the headers that a hook has added where the application and the log find them."""
        for name, value in (self._headers or [])[self._received :]:
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value

    @property
    def exchange(self) -> Exchange:
        """The engine's request and response in one."""
        return self._exchange

    @property
    def remote_addr(self) -> tuple[str, int] | str:
        """The address of the peer."""
        return self._exchange.remote_addr

    @property
    def peer_addr(self) -> tuple[str, int] | str:
        """The address of the peer."""
        return self._exchange.remote_addr

    @property
    def body(self) -> object:
        """The body as the application reads it (`wsgi.input`); None before it is called."""
        environ = self._exchange.environ
        return None if environ is None else environ.get("wsgi.input")

    @property
    def socket(self) -> Takeable:
        """The client's socket; the connection is the caller's from its first use on."""
        if self._socket is None:
            self._socket = client_socket_class().of(self._exchange)
        return self._socket

    def let_go(self) -> None:
        """Close the socket, if somebody has used it."""
        if self._socket is not None:
            let_go(self._socket)

    @property
    def expects_continue(self) -> bool:
        """Never: the body is there."""
        return False

    def should_close(self) -> bool:
        """Whoever answers on the client's socket by itself has taken the connection over."""
        return True


class Response:
    """One response, by gunicorn's names."""

    def __init__(self, exchange: Exchange, req: Request) -> None:
        self._exchange = exchange
        self.req = req

    @property
    def status(self) -> str:
        """Code and reason, as the application gave them."""
        return self._exchange.status

    @property
    def status_code(self) -> int | None:
        """The code as a number; None before there is one."""
        digits = self._exchange.status.partition(" ")[0]
        return int(digits) if digits.isdigit() else None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the application."""
        return self._exchange.response_headers

    @property
    def headers_sent(self) -> bool:
        """Whether the head is on its way to the client."""
        return self._exchange.headers_sent

    @property
    def sent(self) -> int:
        """Bytes of body."""
        return self._exchange.sent

    @property
    def response_length(self) -> int | None:
        """The length that the application announced."""
        for name, value in self._exchange.response_headers:
            if name.lower() == "content-length" and value.strip().isdigit():
                return int(value)
        return None
