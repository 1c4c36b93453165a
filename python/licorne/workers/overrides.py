"""Methods of gunicorn's workers that subclasses in the wild override, over the engine.

Called as in gunicorn: `init_process`, `load_wsgi`, `run`, `notify`, `handle_request`,
`get_thread_pool` and the handlers of signals. What belongs to gunicorn's network code has no place
here: whoever overrides it is told so at the start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.config.convert import Address
    from licorne.glogging import Logger
    from licorne.http.views import Request
    from licorne.sock import BaseSocket

#: Methods of gunicorn's network code, which the engine does in their place.
NEVER_CALLED = (
    "accept", "enqueue_req", "finish_request", "handle", "is_parent_alive", "murder_keepalived",
    "on_client_socket_readable", "reuse_connection", "run_for_multiple", "run_for_one", "wait",
    "wait_for_events", "_wrap_future",
)  # fmt: skip


class Connection:
    """What `handle_request` of a thread worker gets of the connection, by gunicorn's names."""

    __slots__ = ("_request", "server")

    def __init__(self, request: Request, listeners: list[BaseSocket]) -> None:
        self._request = request
        self.server: Address = listeners[0].getsockname() if listeners else ""

    @property
    def client(self) -> tuple[str, int] | str:
        """The address of the peer."""
        return self._request.remote_addr

    @property
    def sock(self) -> socket.socket:
        """The client's socket; the connection is the caller's from its first use on."""
        return self._request.socket


def replaced(cls: type, base: type, name: str) -> bool:
    """Whether a subclass has its own method of this name."""
    return getattr(cls, name, None) is not getattr(base, name, None)


def tell_ignored(cls: type, log: Logger) -> None:
    """Say which methods of a subclass are never called."""
    names = [name for name in NEVER_CALLED if hasattr(cls, name)]
    if names:
        log.warning(
            "%s.%s overrides %s: never called, the network code is the engine's. See "
            "docs/coming-from-gunicorn.md, worker classes.",
            cls.__module__,
            cls.__qualname__,
            ", ".join(names),
        )
