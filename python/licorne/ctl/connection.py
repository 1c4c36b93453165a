"""One client of the control socket: bytes in, one request after the other, replies out.

Never waits, and answers one request in each turn of the master's loop, so that no client can keep
the master from its workers.
"""

from __future__ import annotations

import select
import time
from enum import Enum

from licorne.ctl import protocol
from licorne.ctl.answer import Later, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from licorne.ctl.answer import Answer
    from licorne.ctl.protocol import Json

    #: Carries out a command; `Refused` comes out of it when that cannot be done.
    Serve = Callable[[protocol.Request], Answer]

#: Seconds without a byte after which a client is sent away (gunicorn's number).
IDLE = 300.0
#: Seconds that an answer may take which the master has to wait for itself.
LONGEST_WAIT = 10.0
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class State(Enum):
    """What the connection waits for."""

    #: More bytes of a request.
    READING = "reading"
    #: An answer that comes later (`Later`).
    WAITING = "waiting"
    #: Room for the reply; or the next turn, when another request is there already.
    WRITING = "writing"
    #: Nothing: it is to be closed.
    CLOSED = "closed"


class Connection:
    """The connection of one client."""

    def __init__(
        self, sock: socket.socket, serve: Serve, changed: Callable[[Connection], None]
    ) -> None:
        self.sock = sock
        self.state = State.READING
        #: When something was last received, sent or answered.
        self.since = time.monotonic()
        self._serve = serve
        self._changed = changed
        self._decoder = protocol.Decoder()
        self._output = memoryview(b"")
        self._last = False
        self._asked: Json = None

    @property
    def wants(self) -> int:
        """The poll events to wait for."""
        events = {State.READING: select.POLLIN, State.WRITING: select.POLLOUT}
        return events.get(self.state, 0)

    @property
    def closed(self) -> bool:
        """It is to be closed."""
        return self.state is State.CLOSED

    @property
    def deadline(self) -> float:
        """When the client was silent for too long, or the answer is too late."""
        return self.since + (IDLE if self.wants else LONGEST_WAIT)

    def react(self, mask: int) -> None:
        """Go on after poll events."""
        self.since = time.monotonic()
        if self.state is State.READING and mask & select.POLLIN:
            self._receive()
        elif self.state is State.WRITING and mask & select.POLLOUT:
            if self._output:
                self._send()
            else:
                self.state = State.READING
                self._answer_next()
        elif mask & _GONE:
            self.state = State.CLOSED

    def expire(self) -> None:
        """End the connection; an answer that is waited for is replaced by the reason."""
        self.since = time.monotonic()
        if self.state is State.WAITING:
            self._last = True
            self._reply(protocol.failure(self._asked, "no answer came in time"))
        else:
            self.state = State.CLOSED

    def _receive(self) -> None:
        try:
            data = self.sock.recv(protocol.LONGEST_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            # The client has gone: nothing can be sent any more.
            self.state = State.CLOSED
            return
        if not data:
            self.state = State.CLOSED
            return
        self._decoder.feed(data)
        self._answer_next()

    def _answer_next(self) -> None:
        id_: Json = None
        try:
            request = self._decoder.next()
            if request is None:
                return
            id_ = request.id
            answer = self._serve(request)
        except protocol.GarbledError as error:
            self._last = True
            self._reply(protocol.failure(None, str(error)))
        except (protocol.BadRequestError, Refused) as error:
            self._reply(protocol.failure(id_, str(error)))
        else:
            self._answered(id_, answer)

    def _answered(self, id_: Json, answer: Answer) -> None:
        if not isinstance(answer, Later):
            self._reply(protocol.success(id_, answer))
            return
        self.state, self._asked = State.WAITING, id_
        answer.begin(self._later)

    def _later(self, answer: Json | Refused) -> None:
        """The answer to a `Later` is there; perhaps the client is not any more."""
        if self.state is not State.WAITING:
            return
        self.since = time.monotonic()
        if isinstance(answer, Refused):
            self._reply(protocol.failure(self._asked, str(answer)))
        else:
            self._reply(protocol.success(self._asked, answer))
        self._changed(self)

    def _reply(self, reply: dict[str, Json]) -> None:
        self._output = memoryview(protocol.encode(reply, self._decoder.framing))
        self.state = State.WRITING
        self._send()

    def _send(self) -> None:
        try:
            sent = self.sock.send(self._output)
        except BlockingIOError:
            return
        except OSError:
            self.state = State.CLOSED
            return
        self._output = self._output[sent:]
        if self._output:
            return
        if self._last:
            self.state = State.CLOSED
        elif not self._decoder.waiting:
            # With bytes left it is ready to write again: they are looked at in the next turn.
            self.state = State.READING
