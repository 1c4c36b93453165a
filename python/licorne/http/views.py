"""`req` and `resp` of hooks and of `Logger.access`: gunicorn's attributes over an exchange.

Each attribute asks the engine's exchange once, nothing is parsed here. What a hook sets on them
(`req.started = …`) stays for the hooks after it and for `Logger.access`; what `pre_request` makes
of the request reaches the application's environ (`tell_changes`). They keep the exchange as long
as they are held themselves.
"""

from __future__ import annotations

from functools import cached_property

from licorne.http import message
from licorne.http.wsgi import client_socket_class, let_go, server_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Exchange
    from licorne.config import Config
    from licorne.http.message import Peer
    from licorne.http.unreader import SocketUnreader
    from licorne.http.wsgi import Takeable
    from licorne.sock import BaseSocket

#: Attributes of a request, and what they are called in the environ; the others take more.
PLAIN = {
    "method": "REQUEST_METHOD", "query": "QUERY_STRING", "uri": "RAW_URI",
    "scheme": "wsgi.url_scheme", "protocol": "SERVER_PROTOCOL",
}  # fmt: skip
#: Attributes that are the exchange's until they are assigned.
SAID = {"path", "headers", "version", "host", *PLAIN}


class Request(message.Request):
    """The request of an exchange."""

    _socket: Takeable | None = None
    _body: object = None

    def __init__(self, exchange: Exchange, cfg: Config) -> None:
        message.Message.__init__(self, exchange, cfg)
        self._exchange = exchange

    def tell_changes(self, environ: dict[str, object], listeners: list[BaseSocket]) -> None:
        """Put what a hook has changed where the application and the log find it."""
        given, exchange = vars(self), self._exchange
        # Others may have been asked for, and no more.
        changed = {name for name in SAID & given.keys() if given[name] != getattr(exchange, name)}
        if "headers" in changed:
            changed |= self._tell_headers(environ)
        for name in PLAIN.keys() & changed:
            environ[PLAIN[name]] = getattr(self, name)
        if "version" in changed:
            environ["SERVER_PROTOCOL"] = "HTTP/{}.{}".format(*self.version)
        if "_body" in given:
            environ["wsgi.input"] = self._body
        told = given.get("proxy_protocol_info")
        proxied = told is not None and told != exchange.proxy_protocol_info
        if proxied or changed & {"path", "host", "scheme"}:
            from licorne.http import create  # noqa: PLC0415 - what few hooks need

            server = listeners[exchange.listener or 0].getsockname()
            create.tell_changes(self, environ, changed, server)
        if self.must_close:
            exchange.force_close()

    def _tell_headers(self, environ: dict[str, object]) -> set[str]:
        """Only those that were changed: the engine knows more of the others than the head says."""
        before = message.environ_fields(self._exchange.headers)
        now = message.environ_fields(self.headers)
        changed = {key for key in before | now if before.get(key) != now.get(key)}
        for key in changed:
            if key in now:
                environ[key] = now[key]
            else:
                environ.pop(key, None)
        if "HTTP_HOST" in changed:
            self.host = now.get("HTTP_HOST")
        attributes = {"HTTP_SCRIPT_NAME": "path", "HTTP_HOST": "host"}
        return {attributes[key] for key in attributes.keys() & changed}

    @property
    def exchange(self) -> Exchange:
        """The engine's request and response in one."""
        return self._exchange

    @cached_property
    def req_number(self) -> int:
        """The number of the request on its connection, from 1."""
        return self._exchange.number

    @cached_property
    def proxy_protocol_info(self) -> dict[str, object] | None:
        """What the PROXY header says that the connection has begun with."""
        return self._exchange.proxy_protocol_info

    @cached_property
    def remote_addr(self) -> Peer:
        """The address of the peer."""
        return self._exchange.remote_addr

    @cached_property
    def peer_addr(self) -> Peer:
        """The address of the peer."""
        return self._exchange.remote_addr

    @property
    def body(self) -> object:
        """The body as the application reads it (`wsgi.input`); None before it is called."""
        if "_body" in vars(self):
            return self._body
        environ = self._exchange.environ
        return None if environ is None else environ.get("wsgi.input")

    @body.setter
    def body(self, body: object) -> None:
        self._body = body

    @property
    def socket(self) -> Takeable:
        """The client's socket; the connection is the caller's from its first use on."""
        if self._socket is None:
            self._socket = client_socket_class().of(self._exchange)
        return self._socket

    @cached_property
    def unreader(self) -> SocketUnreader:
        """The client's socket by gunicorn's name for it: `req.unreader.sock`."""
        from licorne.http.unreader import SocketUnreader  # noqa: PLC0415 - asked for by few hooks

        return SocketUnreader(self.socket)

    def let_go(self) -> None:
        """Close the socket, if it was used."""
        if self._socket is not None:
            let_go(self._socket)

    @property
    def expects_continue(self) -> bool:
        """Never: the body is there."""
        return False

    def should_close(self) -> bool:
        """Code that answers on the client's socket has taken the connection over."""
        return True


class Response:
    """One response, by gunicorn's names."""

    def __init__(self, exchange: Exchange, req: Request) -> None:
        self._exchange = exchange
        self.req = req
        self.cfg = req.cfg

    @cached_property
    def status(self) -> str:
        """Code and reason, as the application gave them."""
        return self._exchange.status

    @cached_property
    def status_code(self) -> int | None:
        """The code as a number; None before there is one."""
        digits = self._exchange.status.partition(" ")[0]
        return int(digits) if digits.isdigit() else None

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the application."""
        return self._exchange.response_headers

    @cached_property
    def headers_sent(self) -> bool:
        """Whether the head is on its way to the client."""
        return self._exchange.headers_sent

    @cached_property
    def sent(self) -> int:
        """Bytes of body."""
        return self._exchange.sent

    @cached_property
    def response_length(self) -> int | None:
        """The length that the application announced."""
        for name, value in self._exchange.response_headers:
            if name.lower() == "content-length" and value.strip().isdigit():
                return int(value)
        return None

    @cached_property
    def chunked(self) -> bool:
        """Whether the body is sent in chunks."""
        return self._exchange.chunked

    @cached_property
    def upgrade(self) -> bool:
        """Whether the application changes the protocol (`Connection: upgrade`)."""
        fields = ((name.lower(), value.strip().lower()) for name, value in self.headers)
        return ("connection", "upgrade") in fields

    @cached_property
    def must_close(self) -> bool:
        """Whether no other request comes on the connection."""
        return not self._exchange.keep_alive

    @cached_property
    def version(self) -> str:
        """What the Server field says."""
        return server_name()

    @cached_property
    def sock(self) -> Takeable:
        """The client's socket; the connection is the caller's from its first use on."""
        return self.req.socket

    def force_close(self) -> None:
        """Let no other request come on the connection; too late once the head is sent."""
        self.must_close = True
        self._exchange.force_close()

    def should_close(self) -> bool:
        """Whether no other request comes on the connection."""
        return self.must_close
