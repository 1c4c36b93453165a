"""One client of the metrics socket: a request in, an answer out, and the end.

Never waits. Requests are read by the engine's parser and answered by its encoder, without a
connection of the engine's: no second HTTP here.
"""

from __future__ import annotations

import select
from enum import Enum

from licorne._engine import Refusal, Reply, RequestReader
from licorne.supervisor.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from licorne._engine import RequestHead

    #: The answer for a path; None where nothing is. It gets the Accept field.
    Serve = Callable[[str, str], "Answer | None"]

#: Bytes that a request may have.
LONGEST_REQUEST = 16384
#: Bytes taken at once of what a client sends behind its request, to be dropped.
_DROP = 65536
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Answer(Record):
    """What a path says."""

    status: str
    kind: str
    body: str


class State(Enum):
    """What the connection waits for."""

    #: More bytes of the request.
    READING = "reading"
    #: Room for the answer.
    WRITING = "writing"
    #: The client's own end, so that no reset eats the answer (RFC 9112, section 9.6).
    LINGERING = "lingering"
    #: Nothing: it is to be closed.
    CLOSED = "closed"


class Connection:
    """The connection of one client."""

    def __init__(self, sock: socket.socket, serve: Serve, server: str, deadline: float) -> None:
        self.sock = sock
        #: All of them may take equally long: the first to come is the first to make room.
        self.since = self.deadline = deadline
        self.state = State.READING
        self._serve = serve
        self._reader = RequestReader(LONGEST_REQUEST)
        self._server = server
        self._output = memoryview(b"")

    @property
    def wants(self) -> int:
        """The poll events to wait for."""
        return select.POLLOUT if self.state is State.WRITING else select.POLLIN

    @property
    def closed(self) -> bool:
        """It is to be closed."""
        return self.state is State.CLOSED

    def expire(self) -> None:
        """End the connection, whatever its state."""
        self.state = State.CLOSED

    def react(self, mask: int) -> None:
        """Go on after poll events."""
        try:
            if self.state is State.WRITING and mask & select.POLLOUT:
                self._send()
            elif self.state is State.READING and mask & select.POLLIN:
                self._receive()
            elif self.state is State.LINGERING and mask & select.POLLIN:
                self._drop()
            elif mask & _GONE:
                self.state = State.CLOSED
        except BlockingIOError:
            return
        except OSError:
            # The client has gone: nothing can be sent any more.
            self.state = State.CLOSED

    def _receive(self) -> None:
        data = self.sock.recv(LONGEST_REQUEST)
        if not data:
            self.state = State.CLOSED
            return
        self._reader.feed(data)
        head = self._reader.head()
        if head is not None:
            answer = head.page() if isinstance(head, Refusal) else self._answer(head)
            self._output = memoryview(answer)
            self.state = State.WRITING
            self._send()

    def _answer(self, head: RequestHead) -> bytes:
        found = self._serve(head.path, head.field("Accept"))
        fields = [("Cache-Control", "no-store")]
        if found is None:
            found = Answer("404 Not Found", "text/plain", "There is /metrics, /livez, /readyz.\n")
        elif head.method not in {"GET", "HEAD"}:
            found = Answer("405 Method Not Allowed", "text/plain", "There is GET and HEAD.\n")
            fields.append(("Allow", "GET, HEAD"))
        fields.append(("Content-Type", found.kind))
        body = found.body.encode()
        reply = Reply(head.method, head.version, self._server)
        reply.start(found.status, fields)
        return reply.head(len(body)) + reply.body(body) + reply.end()

    def _send(self) -> None:
        self._output = self._output[self.sock.send(self._output) :]
        if not self._output:
            self.state = State.LINGERING
            self.sock.shutdown(1)

    def _drop(self) -> None:
        if not self.sock.recv(_DROP):
            self.state = State.CLOSED
