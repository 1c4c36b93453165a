"""`req` and `resp` of hooks and of `Logger.access`: gunicorn's attributes over an exchange.

Views only: each attribute asks the engine's exchange, nothing is parsed or kept here. What a hook
sets on them itself (`req.started = …`) stays for the hooks after it and for `Logger.access`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Exchange


class Request:
    """One request, by gunicorn's names."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def exchange(self) -> Exchange:
        """The engine's request and response in one."""
        return self._exchange

    @property
    def method(self) -> str:
        """The method as received."""
        return self._exchange.method

    @property
    def uri(self) -> str:
        """The request target exactly as sent."""
        return self._exchange.uri

    @property
    def path(self) -> str:
        """The percent-encoded path."""
        return self._exchange.path

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self._exchange.query

    @property
    def version(self) -> tuple[int, int]:
        """The HTTP version."""
        return self._exchange.version

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in upper case with their values, in the order received."""
        return self._exchange.headers

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self._exchange.scheme

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
