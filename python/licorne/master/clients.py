"""Clients of the master itself: accepted, carried by its loop, sent away when their time is over.

No thread and nothing that waits. What is said is a talk's affair, and where is listened its
server's; here is what the control socket and the metrics have in common.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Protocol

    from licorne.master.face import Loop

    class Talk(Protocol):
        """The conversation with one client."""

        @property
        def sock(self) -> socket.socket: ...
        @property
        def wants(self) -> int:
            """The poll events to wait for."""

        @property
        def over(self) -> bool:
            """There is nothing more to say."""

        @property
        def since(self) -> float:
            """Since when it is silent: the one that has been for longest makes room for another."""

        @property
        def deadline(self) -> float:
            """When its time is over."""

        def react(self, mask: int) -> None:
            """Go on after poll events."""

        def expire(self) -> None:
            """Its time is over; there may be a last word to say."""

    class Listener(Protocol):
        """What clients come by."""

        def fileno(self) -> int: ...
        def accept(self) -> tuple[socket.socket, object]: ...


MOST_CLIENTS = 16
#: Seconds without accepting after accept() has failed (no descriptor is free, say).
REST = 1.0


class Clients:
    """The clients of one listening socket."""

    def __init__(
        self, master: Loop, name: str, welcome: Callable[[socket.socket], Talk | None]
    ) -> None:
        """`welcome` begins a conversation, or says no; `name` begins each line of the log."""
        self._master = master
        self._name = name
        self._welcome = welcome
        self._talks: dict[int, Talk] = {}
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
        for talk in list(self._talks.values()):
            self._end(talk)

    def leave(self) -> None:
        """In a process that was forked: let go of the descriptors, and touch nothing else."""
        for talk in self._talks.values():
            talk.sock.close()
        self._talks = {}
        self._listener = self._resume = None

    def wake_after(self, now: float) -> float | None:
        """Seconds until `look_after` has something to do; None without clients."""
        times = [talk.deadline for talk in self._talks.values()]
        if self._resume is not None:
            times.append(self._resume)
        return max(0.0, min(times) - now) if times else None

    def look_after(self, now: float) -> None:
        """Send away whose time is over; accept again after a rest."""
        for talk in [each for each in self._talks.values() if each.deadline <= now]:
            talk.expire()
            self.changed(talk)
        if self._listener is not None and self._resume is not None and self._resume <= now:
            self._resume = None
            self._master.watch(self._listener.fileno(), self._accept)

    def changed(self, talk: Talk) -> None:
        """A conversation waits for something else now, or is over."""
        if talk.over:
            self._end(talk)
        elif talk.sock.fileno() in self._talks:
            self._watch(talk)

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
        talk = self._welcome(sock)
        if talk is None:
            sock.close()
            return
        if len(self._talks) >= MOST_CLIENTS:
            self._end(min(self._talks.values(), key=lambda each: each.since))
        self._talks[sock.fileno()] = talk
        self._watch(talk)

    def _watch(self, talk: Talk) -> None:
        def react(mask: int) -> None:
            try:
                talk.react(mask)
            except Exception:
                # The rim: a client, or a bug, must never end the master.
                self._master.log.exception("%s: a client was sent away", self._name)
                self._end(talk)
            else:
                self.changed(talk)

        self._master.watch(talk.sock.fileno(), react, talk.wants)

    def _end(self, talk: Talk) -> None:
        fd = talk.sock.fileno()
        if self._talks.pop(fd, None) is not None:
            self._master.unwatch(fd)
            talk.sock.close()
