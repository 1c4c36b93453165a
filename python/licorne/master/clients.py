"""Clients of the master itself: accepted, carried by its loop, closed when their time is over.

No thread and nothing that waits. This is what the control socket and the metrics have in common;
their protocols are in their `connection`, their addresses in their `endpoint`.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Protocol

    from licorne.master.face import Loop

    class Connection(Protocol):
        """The connection of one client."""

        @property
        def sock(self) -> socket.socket: ...
        @property
        def wants(self) -> int:
            """The poll events to wait for."""

        @property
        def closed(self) -> bool:
            """It is to be closed."""

        @property
        def since(self) -> float:
            """Since when it is silent: the one that has been for longest makes room for another."""

        @property
        def deadline(self) -> float:
            """When its time is over."""

        def react(self, mask: int) -> None:
            """Go on after poll events."""

        def expire(self) -> None:
            """Its time is over: close, perhaps after a last reply."""

    class Listener(Protocol):
        """A listening socket."""

        def fileno(self) -> int: ...
        def accept(self) -> tuple[socket.socket, object]: ...


MOST_CLIENTS = 16
#: Seconds without accepting after accept() has failed (no descriptor is free, say).
REST = 1.0


class Clients:
    """The clients of one listening socket."""

    def __init__(
        self, master: Loop, name: str, admit: Callable[[socket.socket], Connection | None]
    ) -> None:
        """`admit` makes a connection, or None to refuse it; `name` begins each line of the log."""
        self._master = master
        self._name = name
        self._admit = admit
        self._connections: dict[int, Connection] = {}
        self._listener: Listener | None = None
        #: When accepting goes on after a rest, and whether the log was told why it rests.
        self._resume: float | None = None
        self._told = False

    def open(self, listener: Listener) -> None:
        """Accept clients from now on."""
        self._listener = listener
        self._master.watch(listener.fileno(), self._accept)

    def shut(self) -> None:
        """Accept no more clients; before the listener is closed."""
        if self._listener is not None and self._resume is None:
            self._master.unwatch(self._listener.fileno())
        self._listener = self._resume = None

    def dismiss(self) -> None:
        """Send the clients away."""
        for connection in list(self._connections.values()):
            self._end(connection)

    def leave(self) -> None:
        """In a process that was forked: let go of the descriptors, and touch nothing else."""
        for connection in self._connections.values():
            connection.sock.close()
        self._connections = {}
        self._listener = self._resume = None

    def wake_after(self, now: float) -> float | None:
        """Seconds until `look_after` has something to do; None without clients."""
        times = [connection.deadline for connection in self._connections.values()]
        if self._resume is not None:
            times.append(self._resume)
        return max(0.0, min(times) - now) if times else None

    def look_after(self, now: float) -> None:
        """Close connections whose time is over; accept again after a rest."""
        for connection in [each for each in self._connections.values() if each.deadline <= now]:
            connection.expire()
            self.changed(connection)
        if self._listener is not None and self._resume is not None and self._resume <= now:
            self._resume = None
            self._master.watch(self._listener.fileno(), self._accept)

    def changed(self, connection: Connection) -> None:
        """A connection waits for something else now, or is to be closed."""
        if connection.closed:
            self._end(connection)
        elif connection.sock.fileno() in self._connections:
            self._watch(connection)

    def _accept(self, _mask: int) -> None:
        if self._listener is None:
            return
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self._rest(error)
            return
        try:
            self._take_in(sock)
        except (ImportError, OSError) as error:
            # The first client makes the master load modules, for which a descriptor must be free.
            sock.close()
            self._rest(error)
        else:
            self._told = False

    def _rest(self, error: Exception) -> None:
        """Not to try again at once: what is missing will not be there yet."""
        if not self._told:
            self._told = True
            self._master.log.warning("%s: a client cannot be served: %s", self._name, error)
        if self._listener is not None:
            self._master.unwatch(self._listener.fileno())
            self._resume = time.monotonic() + REST

    def _take_in(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        connection = self._admit(sock)
        if connection is None:
            sock.close()
            return
        if len(self._connections) >= MOST_CLIENTS:
            self._end(min(self._connections.values(), key=lambda each: each.since))
        self._connections[sock.fileno()] = connection
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        def react(mask: int) -> None:
            try:
                connection.react(mask)
            except Exception:
                # The rim: a client, or a bug, must never end the master.
                self._master.log.exception("%s: a client was sent away", self._name)
                self._end(connection)
            else:
                self.changed(connection)

        self._master.watch(connection.sock.fileno(), react, connection.wants)

    def _end(self, connection: Connection) -> None:
        fd = connection.sock.fileno()
        if self._connections.pop(fd, None) is not None:
            self._master.unwatch(fd)
            connection.sock.close()
