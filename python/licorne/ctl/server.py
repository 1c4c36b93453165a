"""The control socket in the master: accepts clients and lets the master's loop carry them.

No thread and nothing that waits. What changes the server is only put into the loop's queues, so
that a decision is never made, and a worker never forked, inside of a conversation.
"""

# ruff: noqa: PLC0415 - start-up time: json and the commands only when somebody asks

from __future__ import annotations

import os
import time

from licorne.ctl import place

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.arbiter import Arbiter
    from licorne.config import Config
    from licorne.ctl.answer import Answer
    from licorne.ctl.protocol import Request
    from licorne.ctl.talk import Talk

MOST_CLIENTS = 16
#: Seconds without a byte after which a client is sent away (gunicorn's number).
IDLE = 300.0
#: Seconds that an answer may take which the master has to wait for itself.
THINKING = 10.0
#: Seconds without accepting after accept() has failed (no descriptor is free, say).
REST = 1.0


class ControlServer:
    """The control socket of one master."""

    def __init__(self, arbiter: Arbiter) -> None:
        self._arbiter = arbiter
        self._place: place.Place | None = None
        self._wished: tuple[str, int] | None = None
        self._talks: dict[int, Talk] = {}
        #: When accepting goes on after a rest, and whether the log was told why it rests.
        self._resume: float | None = None
        self._told = False

    def follow(self, cfg: Config) -> None:
        """Be where the configuration says: at the start, and after each reload."""
        if cfg.control_socket_disable:
            self.close()
            return
        path = cfg.control_socket
        if path and not path.startswith("@"):
            path = os.path.abspath(path)
        wished = (path, cfg.control_socket_mode)
        here = self._place is not None and self._place.name == path
        if here and wished == self._wished:
            return
        if here:
            self._stop_listening()
        self._wished = wished
        found, why = self._find_place(*wished)
        if found is not None:
            # Said when it is true, the end of the old one included.
            self._stop_listening()
            self._listen(found)
            self._arbiter.log.info("Control socket listening at %s%s", found.name, why)

    def _find_place(self, path: str, mode: int) -> tuple[place.Place | None, str]:
        """The wished path; when it cannot be used, an abstract socket, unless there is one, and
        why."""
        log = self._arbiter.log
        try:
            found = place.take(path, mode)
        except OSError as error:
            why = f"{path or 'a path'}: {error.strerror or error}"
        else:
            return found, ""
        if self._place is not None and self._place.abstract:
            return None, ""
        # A path that cannot be used is no error: the server serves (gunicorn 25 made it one).
        try:
            found = place.take_abstract(self._arbiter.pid)
        except OSError:
            log.info("No control socket, --control-socket names another path (not at %s)", why)
            return None, ""
        return found, f" (not at {why})"

    def _listen(self, found: place.Place) -> None:
        self._place = found
        self._arbiter.watch(found.sock.fileno(), self._accept)

    def _stop_listening(self) -> None:
        if self._place is None:
            return
        if self._resume is None:
            self._arbiter.unwatch(self._place.sock.fileno())
        self._place.close()
        self._place = self._resume = None

    def close(self) -> None:
        """Stop listening and send the clients away."""
        self._stop_listening()
        for talk in list(self._talks.values()):
            self._end(talk)
        self._wished = None

    def leave(self) -> None:
        """In a process that was forked: let go of the descriptors, and touch nothing else."""
        for talk in self._talks.values():
            talk.sock.close()
        if self._place is not None:
            self._place.sock.close()
        self._talks = {}
        self._place = None

    def wake_after(self, now: float) -> float | None:
        """Seconds until `look_after` has something to do; None without clients."""
        times = [_deadline(talk) for talk in self._talks.values()]
        if self._resume is not None:
            times.append(self._resume)
        return max(0.0, min(times) - now) if times else None

    def look_after(self, now: float) -> None:
        """Send away who was silent for too long; accept again after a rest."""
        for talk in [each for each in self._talks.values() if _deadline(each) <= now]:
            talk.give_up("no answer came in time")
            self._changed(talk)
        if self._resume is not None and self._resume <= now and self._place is not None:
            self._resume = None
            self._arbiter.watch(self._place.sock.fileno(), self._accept)

    def _accept(self, _mask: int) -> None:
        if self._place is None:
            return
        try:
            sock, _ = self._place.sock.accept()
        except BlockingIOError:
            return
        except OSError as error:
            self._rest(error)
            return
        try:
            self._welcome(sock, self._place.abstract)
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
            self._arbiter.log.warning("Control socket: a client cannot be served: %s", error)
        if self._place is not None:
            self._arbiter.unwatch(self._place.sock.fileno())
            self._resume = time.monotonic() + REST

    def _welcome(self, sock: socket.socket, abstract: bool) -> None:
        from licorne.ctl import peer
        from licorne.ctl.talk import Talk

        objection = peer.stranger(sock) if abstract else ""
        if objection:
            self._arbiter.log.warning("Control socket: a client was refused: %s", objection)
            sock.close()
            return
        if len(self._talks) >= MOST_CLIENTS:
            self._end(min(self._talks.values(), key=lambda talk: talk.since))
        sock.setblocking(False)
        talk = Talk(sock, self._serve, self._changed)
        talk.since = time.monotonic()
        self._talks[sock.fileno()] = talk
        self._watch(talk)

    def _watch(self, talk: Talk) -> None:
        def react(mask: int) -> None:
            try:
                talk.react(mask)
            except Exception:
                # The rim: a client, or a bug, must never end the master.
                self._arbiter.log.exception("Control socket: a client was sent away")
                self._end(talk)
            else:
                self._changed(talk)

        self._arbiter.watch(talk.sock.fileno(), react, talk.wants)

    def _changed(self, talk: Talk) -> None:
        from licorne.ctl.talk import Mood

        talk.since = time.monotonic()
        if talk.mood is Mood.OVER:
            self._end(talk)
        elif talk.sock.fileno() in self._talks:
            self._watch(talk)

    def _end(self, talk: Talk) -> None:
        fd = talk.sock.fileno()
        if self._talks.pop(fd, None) is not None:
            self._arbiter.unwatch(fd)
            talk.sock.close()

    def _serve(self, request: Request) -> Answer:
        from licorne.ctl import commands
        from licorne.ctl.answer import Refused

        try:
            return commands.carry_out(self._arbiter, request)
        except Refused:
            raise
        except Exception as error:
            # The rim: a bug in what shows the server must not end it.
            self._arbiter.log.exception("Control socket: %s failed", request.command)
            raise Refused(f"{request.command}: {type(error).__name__}: {error}") from error


def _deadline(talk: Talk) -> float:
    """When the conversation has lasted too long."""
    return talk.since + (IDLE if talk.wants else THINKING)
