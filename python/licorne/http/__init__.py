"""HTTP by gunicorn's names: requests, and what reads them out of bytes.

Workers on the engine need none of this: their requests are exchanges, and `views` shows them to
hooks and loggers.
"""

from __future__ import annotations

from licorne import ondemand
from licorne.http.message import Message, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from licorne.config import Config
    from licorne.http.message import Peer
    from licorne.http.parser import RequestParser

__all__ = ["Message", "Request", "RequestParser", "get_parser"]


def get_parser(
    cfg: Config,
    source: socket.socket | Iterable[bytes],
    source_addr: Peer,
    http2_connection: bool = False,
) -> RequestParser:
    """The parser for what the connection speaks."""
    from licorne.http.parser import RequestParser  # noqa: PLC0415 - asked for by few workers

    if http2_connection or cfg.protocol != "http":
        spoken = "HTTP/2" if http2_connection else cfg.protocol
        raise RuntimeError(f"get_parser: {spoken} is not available; there is HTTP/1")
    return RequestParser(cfg, source, source_addr)


__getattr__: Callable[[str], object] = ondemand.names(
    __name__, {"RequestParser": "licorne.http.parser"}
)
