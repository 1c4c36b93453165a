"""Answering a request on its socket, by gunicorn's names: for workers with their own network code.

The bytes are made by the engine's encoder; the engine's own workers answer without this file.
"""

from __future__ import annotations

from typing import cast

from licorne._engine import Reply, file_extent
from licorne.http.wsgi import server_name
from licorne.legacy.util import http_date

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import BinaryIO

    from licorne.config import Config
    from licorne.http.message import Request
    from licorne.http.wsgi import FileWrapper

    #: What `start_response` gets of an exception.
    Raised = tuple[type[BaseException], BaseException, TracebackType | None]


class Response:
    """The response to one request."""

    def __init__(self, req: Request, sock: socket.socket, cfg: Config) -> None:
        self.req = req
        self.sock = sock
        self.cfg = cfg
        #: What the Server field says.
        self.version = server_name()
        self.status: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.headers_sent = False
        self.sent = 0
        self.must_close = False
        self._reply = Reply(req.method, req.version, self.version)

    @property
    def status_code(self) -> int | None:
        """The code as a number; None before there is one."""
        return None if self.status is None else int(self.status[:3])

    @property
    def response_length(self) -> int | None:
        """The length that the application announced."""
        return self._reply.content_length

    @property
    def chunked(self) -> bool:
        """Whether the body is sent in chunks; known when the head is sent."""
        return self._reply.chunked

    def force_close(self) -> None:
        """Let no other request come on the connection."""
        self.must_close = True

    def should_close(self) -> bool:
        """Whether no other request may come on the connection."""
        if self.headers_sent:
            return not self._reply.keep_alive
        return self.must_close or self.req.should_close()

    def default_headers(self) -> list[str]:
        """The first lines of an answer. Only the Server field of what is put in its place counts:
        without one, the server does not tell its name."""
        connection = "close" if self.should_close() else "keep-alive"
        fields = {"Server": self.version, "Date": http_date(), "Connection": connection}
        lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value]
        return [f"HTTP/1.1 {self.status}\r\n", *lines]

    def start_response(
        self,
        status: str,
        headers: Iterable[tuple[str, str]],
        exc_info: Raised | tuple[None, None, None] | None = None,
    ) -> Callable[[bytes], None]:
        """`start_response` of PEP 3333: checks, and sends nothing."""
        if exc_info is not None and exc_info[1] is not None:
            if self.headers_sent:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self.status is not None:
            raise AssertionError("Response headers already set!")
        before = self.status, self.headers
        self.status, self.headers = status, []
        try:
            self.process_headers(headers)
            self._reply.start(status, self.headers)
        except BaseException:
            self.status, self.headers = before
            raise
        return self.write

    def process_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Take the header fields of the application; for subclasses to extend."""
        self.headers.extend(headers)

    def early_hints(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> None:
        """`wsgi.early_hints`: sends `103 Early Hints`, where they are understood."""
        self.sock.sendall(self._reply.interim("103 Early Hints", headers))

    def ask_for_body(self) -> None:
        """Send `100 Continue` to a peer that waits for it."""
        if self.req.expects_continue:
            self.sock.sendall(self._reply.interim("100 Continue", []))

    def send_headers(self) -> None:
        """Send the head, if it was not sent."""
        self.sock.sendall(self._head(None))

    def _head(self, length: int | None) -> bytes:
        if self.headers_sent:
            return b""
        head = self._reply.head(length, keep_alive=not self.should_close())
        self.headers_sent = True
        return head

    def write(self, data: bytes) -> None:
        """Send a piece of the body, the head before the first one; never more than announced."""
        head = self._head(None)
        framed = self._reply.body(data)
        self.sent += len(data) if self._reply.chunked else len(framed)
        self.sock.sendall(head + framed)

    def can_sendfile(self) -> bool:
        """Whether the settings let files be sent without reading them."""
        return self.cfg.sendfile

    def sendfile(self, respiter: FileWrapper) -> bool:
        """Send a real file from where it stands; False: nothing was sent, it must be read."""
        if self.cfg.is_ssl or self.headers_sent or not self.can_sendfile():
            return False
        extent = file_extent(respiter.filelike)
        if extent is None:  # a pipe, or what its `read` gives is not what is on the disk
            return False
        file = cast("BinaryIO", respiter.filelike)
        offset, size = extent
        self.sock.sendall(self._head(size))
        count = self._reply.allow(size)
        if count:
            self.sent += self.sock.sendfile(file, offset, count)
            file.seek(offset)
        return True

    def write_file(self, respiter: FileWrapper) -> None:
        """Send a file, by reading it if nothing else goes."""
        if self.sendfile(respiter):
            return
        length = self.response_length
        for block in respiter if length is None else respiter.up_to(length):
            self.write(block)

    def close(self) -> None:
        """End the body, the head before it if there was none."""
        self.sock.sendall(self._head(0) + self._reply.end())


#: What the class is made of: a program that replaces or extends it is asked.
AS_MADE = {name: method for name, method in vars(Response).items() if callable(method)}
