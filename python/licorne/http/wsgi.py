"""What a WSGI application finds in its environ besides text: error stream, file wrapper, socket.

The engine fills in what a request says; here is what is the same for all of them (PEP 3333).
gunicorn's names for workers without the engine are loaded when they are asked for.
"""

from __future__ import annotations

import io
import logging
import socket
import sys

import licorne
from licorne import SERVER, SERVER_SOFTWARE, aliases, ondemand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol, TextIO

    from _typeshed import WriteableBuffer
    from typing_extensions import Self

    from licorne._engine import Exchange
    from licorne.config import Config
    from licorne.http.create import create, default_environ
    from licorne.http.response import Response

    class Readable(Protocol):
        """What a file wrapper needs of a file."""

        def read(self, size: int, /) -> bytes: ...

    _Socket = socket.socket
else:
    _Socket = object


__all__ = [
    "SERVER", "SERVER_SOFTWARE", "ClientSocket", "FileWrapper", "Response", "WSGIErrorsWrapper",
    "base_environ", "client_socket_class", "create", "default_environ", "server_name",
]  # fmt: skip

log = logging.getLogger(__name__)


class FileWrapper:
    """`wsgi.file_wrapper`: the engine sends real files without reading them; others in blocks."""

    def __init__(self, filelike: Readable, blksize: int = 8192) -> None:
        self.filelike = filelike
        self.blksize = blksize
        close: Callable[[], None] | None = getattr(filelike, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if block := self.filelike.read(self.blksize):
            return block
        raise StopIteration

    def up_to(self, length: int) -> Iterator[bytes]:
        """The first `length` bytes, in blocks. Nothing is read beyond: it might never come."""
        while length > 0 and (block := self.filelike.read(min(self.blksize, length))):
            yield block
            length -= len(block)

    def __getitem__(self, key: int) -> bytes:
        if block := self.filelike.read(self.blksize):
            return block
        raise IndexError(key)


class WSGIErrorsWrapper(io.RawIOBase):
    """`wsgi.errors`: text that goes to wherever the error log goes."""

    def __init__(self, cfg: Config) -> None:
        super().__init__()
        self._logger = logging.getLogger("gunicorn.error")
        self._on_stderr = cfg.errorlog == "-"
        self.encoding = "utf-8"

    def write(self, data: str) -> int:  # type: ignore[override]
        """Write to the streams of the error log, as they are now."""
        for stream in self._streams():
            stream.write(data)
            stream.flush()
        return len(data)

    def _streams(self) -> list[TextIO]:
        handlers = self._logger.handlers
        if self._on_stderr:
            # As gunicorn: whatever a logging configuration has put in the place of the handler for
            # standard error. The lines of that one may be JSON, or none may be there.
            handlers = handlers[1:]
        found = (getattr(each, "stream", None) for each in handlers)
        streams: list[TextIO] = [each for each in found if each is not None]
        return [sys.stderr, *streams] if self._on_stderr or not streams else streams

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write several pieces."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Every write is flushed already."""


class Takeable(_Socket):
    """What makes a client's socket of a class of sockets, when it is first used.

    From then on the connection is the application's: the engine lets go of it. Until then it
    costs nothing, so that it can be there for every request.
    """

    __slots__ = ()

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        """The socket of an exchange, not yet taken over."""
        new = cls.__new__(cls)
        object.__setattr__(new, "_exchange", exchange)
        object.__setattr__(new, "_rest", b"")
        return new

    def __init__(self, *args: object, **named: object) -> None:
        """Any other socket of this class, such as a duplicate."""
        object.__setattr__(self, "_exchange", None)
        object.__setattr__(self, "_rest", b"")
        super().__init__(*args, **named)  # type: ignore[arg-type]

    def __getattribute__(self, name: str) -> object:
        """Take the connection over before anything of it is used."""
        if not name.startswith("__"):
            exchange: Exchange | None = object.__getattribute__(self, "_exchange")
            if exchange is not None:
                object.__setattr__(self, "_exchange", None)
                fd, rest = exchange.take_over()
                object.__setattr__(self, "_rest", rest)
                super().__init__(fileno=fd)
        return super().__getattribute__(name)

    def __del__(self) -> None:
        # Most classes of sockets close themselves; one that was never used has nothing to close.
        closes: Callable[[], None] | None = getattr(super(), "__del__", None)
        if closes is not None and object.__getattribute__(self, "_exchange") is None:
            closes()

    def __repr__(self) -> str:
        if object.__getattribute__(self, "_exchange") is not None:
            return "<ClientSocket, not used yet>"
        return super().__repr__()

    def dup(self) -> Self:
        """Another one for the same connection, which also begins with what was read already."""
        other = super().dup()
        object.__setattr__(other, "_rest", object.__getattribute__(self, "_rest"))
        return other

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive; first what the engine had read beyond the request."""
        rest: bytes = object.__getattribute__(self, "_rest")
        if not rest:
            return super().recv(bufsize, flags)
        if not flags & socket.MSG_PEEK:
            object.__setattr__(self, "_rest", rest[bufsize:])
        return rest[:bufsize]

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive into a buffer; first what the engine had read beyond the request."""
        if not object.__getattribute__(self, "_rest"):
            return super().recv_into(buffer, nbytes, flags)
        room = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(room), flags)
        room[: len(data)] = data
        return len(data)


class ClientSocket(Takeable, socket.socket):
    """`gunicorn.socket`."""

    __slots__ = ("_exchange", "_rest")


def client_socket_class() -> type[Takeable]:
    """The class of `gunicorn.socket`, over what `socket.socket` is now.

    gevent and eventlet put classes of their own there, which let other greenlets run.
    """
    if issubclass(ClientSocket, socket.socket):
        return ClientSocket
    slots = {"__slots__": ClientSocket.__slots__}
    return type(ClientSocket.__name__, (Takeable, socket.socket), slots)


def let_go(sock: Takeable) -> None:
    """Close it, if it was used."""
    if object.__getattribute__(sock, "_exchange") is None:
        sock.close()


def server_name() -> str:
    """What the field `Server` says: a configuration may have assigned another name.

    A widespread recipe, `gunicorn.SERVER = "undisclosed"`, in the places where gunicorn users put
    it: the package (ours or by gunicorn's name) or this module.
    """
    alias = sys.modules.get(aliases.NAME)
    given = (SERVER, licorne.SERVER, getattr(alias, "SERVER", aliases.NAME))
    usual = (licorne.__name__, aliases.NAME)
    name = next((str(name) for name in given if name not in usual), licorne.__name__)
    if not may_be_replaced():
        return name
    from licorne.http import answers  # noqa: PLC0415 - few programs replace it

    return answers.told_name(name)


def may_be_replaced() -> bool:
    """Whether `Response` may be another one: it was assigned here, or its module is loaded."""
    return "Response" in globals() or "licorne.http.response" in sys.modules


def base_environ(cfg: Config, *, multithread: bool = False) -> dict[str, object]:
    """The environ entries that all requests of a worker share; the engine fills the empty ones."""
    environ: dict[str, object] = {
        "wsgi.errors": WSGIErrorsWrapper(cfg),
        "wsgi.version": (1, 0),
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": cfg.workers > 1,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "https" if cfg.is_ssl else "http",
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input": None,
        "wsgi.early_hints": None,
        "gunicorn.socket": None,
        "SERVER_SOFTWARE": aliases.software(SERVER_SOFTWARE),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "",
        "SERVER_PORT": "",
        "REQUEST_METHOD": "",
        "SCRIPT_NAME": "",
        "RAW_URI": "",
        "PATH_INFO": "",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "",
    }
    if cfg.is_ssl:
        environ["HTTPS"] = "on"
    return environ


#: gunicorn's names for workers with their own network code.
__getattr__: Callable[[str], object] = ondemand.names(
    __name__,
    {
        "Response": "licorne.http.response",
        "create": "licorne.http.create",
        "default_environ": "licorne.http.create",
    },
)
