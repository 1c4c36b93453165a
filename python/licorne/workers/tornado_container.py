"""A `WSGIContainer` with threads of its own, as tornado's servers serve it."""

from __future__ import annotations

import asyncio

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tornado.wsgi import WSGIContainer


class Container(HTTPServerConnectionDelegate):
    """Gives complete requests to a container, each in a task."""

    def __init__(self, container: WSGIContainer) -> None:
        self._container = container

    def start_request(self, _server_conn: object, request_conn: HTTPConnection) -> Message:
        """One request."""
        return Message(self._container, request_conn)


class Message(HTTPMessageDelegate):
    """One request on its way into the container."""

    def __init__(self, container: WSGIContainer, connection: HTTPConnection) -> None:
        self._container = container
        self._connection = connection
        self._body = bytearray()
        self._request: HTTPServerRequest | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Begin the request."""
        if isinstance(start_line, RequestStartLine):
            self._request = HTTPServerRequest(
                connection=self._connection, start_line=start_line, headers=headers
            )

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body."""
        self._body += chunk

    def finish(self) -> None:
        """Have the container run the application."""
        if self._request is not None:
            self._request.body = bytes(self._body)
            # Its connection keeps the task until it has answered.
            asyncio.ensure_future(self._container.handle_request(self._request))  # noqa: RUF006
