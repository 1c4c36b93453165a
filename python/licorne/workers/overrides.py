"""Methods of gunicorn's workers that subclasses in the wild override, over the engine.

Called as in gunicorn: `init_process`, `load_wsgi`, `run`, `notify`, `handle_request`,
`get_thread_pool` and the handlers of signals; also where a program has put its own in the place of
one on the class. `handle` is there for such programs alone: in a subclass it belongs, like the rest
of gunicorn's network code, to what the engine does, and a warning says that it is never called.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    from licorne.config.convert import Address
    from licorne.glogging import Logger
    from licorne.http.message import Peer
    from licorne.http.views import Request
    from licorne.sock import BaseSocket

    P = ParamSpec("P")
    T = TypeVar("T")

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
    def client(self) -> Peer:
        """The address of the peer."""
        return self._request.remote_addr

    @property
    def sock(self) -> socket.socket:
        """The client's socket; the connection is the caller's from its first use on."""
        return self._request.socket


def own(method: Callable[P, T]) -> Callable[P, T]:
    """Mark a method as ours: what stands in its place, on whatever class, is the program's.

    By identity: what a decorator makes of a function may compare equal to it.
    """
    _OWN[id(method)] = method
    return method


#: The methods themselves, so that nothing else gets their ids.
_OWN: dict[int, object] = {}


def replaced(cls: type, name: str) -> bool:
    """Whether a subclass has its own method of this name, or ours was replaced on its class."""
    return id(getattr(cls, name, None)) not in _OWN


def wrapped(cls: type, name: str) -> bool:
    """Whether a method of ours was replaced on our class, as tracers and profilers do.

    Other than that of a subclass, which may do everything by itself, it calls ours.
    """
    for each in cls.__mro__:
        if name in vars(each):
            ours = each.__module__.startswith("licorne.")
            return ours and id(vars(each)[name]) not in _OWN
    return False


#: Classes with the methods that were told: in the master, or in this process.
_TOLD: set[tuple[type, str]] = set()


def tell_ignored(cls: type, log: Logger, never_called: tuple[str, ...]) -> None:
    """Say which methods of a subclass, or put in our classes, are never called."""
    names = [name for name in never_called if hasattr(cls, name) and replaced(cls, name)]
    names = [name for name in names if (cls, name) not in _TOLD]
    _TOLD.update((cls, name) for name in names)
    if names:
        log.warning(
            "%s.%s overrides %s: never called, the network code is the engine's. See "
            "docs/coming-from-gunicorn.md, worker classes.",
            cls.__module__,
            cls.__qualname__,
            ", ".join(names),
        )
