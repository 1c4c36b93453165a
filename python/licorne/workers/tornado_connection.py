"""tornado's `HTTPConnection` over an exchange: its applications see the server they know.

Nothing is parsed or encoded here, and no socket is read; only a connection that the application
takes over (WebSockets) is a socket again, tornado's own.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from tornado.concurrent import future_set_result_unless_cancelled
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError
from tornado.log import gen_log

from licorne.workers import tasks
from licorne.workers.frames import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import FrameType

    from licorne._engine import Exchange, Input
    from licorne.workers.tasks import Task

    Done = asyncio.Future[None]

#: Bytes of a request body given to the application at a time, as tornado does.
BLOCK = 64 * 1024


class Waiter:
    """Where a callback waits for news from the engine."""

    __slots__ = ("wake",)

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        #: Soon: the engine calls this in the middle of its turn.
        self.wake = partial(loop.call_soon, call)


class Context:
    """The client: `request.connection.context`."""

    def __init__(self, exchange: Exchange) -> None:
        self.address = exchange.remote_addr
        # tornado's name for a client without an address.
        self.remote_ip = self.address[0] if isinstance(self.address, tuple) else "0.0.0.0"
        self.protocol = exchange.scheme

    def __str__(self) -> str:
        return self.remote_ip


class ClientStream:
    """What applications ask of `request.connection.stream` before they take it over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def closed(self) -> bool:
        """The client has gone, or there is nothing more to be said to it."""
        return self._connection.gone or not self._connection.open

    def close(self) -> None:
        """End the connection without the rest of the response."""
        self._connection.abandon()

    def set_nodelay(self, value: bool) -> None:
        """Nothing to do: the engine sends what it is given."""


class TakenStream(IOStream):
    """A connection that the application has taken over."""

    def __init__(self, sock: socket.socket, before: bytes, over: Callable[[], None]) -> None:
        self._before = before
        self._over = over
        super().__init__(sock)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read what came together with the request, then from the socket."""
        if not self._before:
            return super().read_from_fd(buf)
        count = min(len(buf), len(self._before))
        buf[:count] = self._before[:count]
        self._before = self._before[count:]
        return count

    def close_fd(self) -> None:
        """Close the socket; the request is over with it."""
        super().close_fd()
        self._over()


class Connection(HTTPConnection):
    """One response, as tornado gives it; nothing here waits."""

    def __init__(
        self,
        exchange: Exchange,
        loop: asyncio.AbstractEventLoop,
        over: Callable[[], None],
        client_gone: Callable[[], None],
    ) -> None:
        self.context = Context(exchange)
        self.stream = ClientStream(self)
        #: The response is not complete.
        self.open = True
        #: The client sends no more; most have closed their connection.
        self.gone = False
        #: What the application has taken over.
        self.taken: TakenStream | None = None
        #: The largest request body that the application takes.
        self.max_body_size: int | None = None
        self._exchange = exchange
        self._loop = loop
        self._over = over
        self._client_gone = client_gone
        self._close_callback: Callable[[], None] | None = None
        self._status = 0
        #: The first block, held back for a moment: mostly it is the last one, too.
        self._first: tuple[bytes, Done] | None = None

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Have it called when the client has gone before the response is complete."""
        self._close_callback = callback

    def set_max_body_size(self, max_body_size: int) -> None:
        """Refuse a larger body. `limit_request_body` is for all requests, and comes first."""
        self.max_body_size = max_body_size

    def set_body_timeout(self, timeout: float) -> None:
        """Nothing to do: the body is there (`body_timeout`)."""

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Done:
        """Give status, header fields and the first block; the future waits for slow clients."""
        if not self.open:
            return self._closed(self._loop.create_future())
        if not isinstance(start_line, ResponseStartLine):
            raise TypeError(f"a response begins with a ResponseStartLine, not {start_line!r}")
        self._status = start_line.code
        self._exchange.start_response(
            f"{start_line.code} {start_line.reason}", list(headers.get_all())
        )
        future: Done = self._loop.create_future()
        self._first = (bytes(chunk or b""), future)
        self._loop.call_soon(self._send_first)
        return future

    def write(self, chunk: bytes) -> Done:
        """Give a block; the future waits for slow clients."""
        self._send_first()
        return self._send(bytes(chunk), self._loop.create_future())

    def finish(self) -> None:
        """Complete the response."""
        if not self.open:
            return
        if self._status == 101:
            # What follows is another protocol, on the connection that is taken over next.
            self._send_first()
            return
        first, self._first = self._first, None
        self._exchange.finish(b"" if first is None else first[0])
        if first is not None:
            future_set_result_unless_cancelled(first[1], None)
        self._close()

    def detach(self) -> IOStream:
        """Give the connection to the application."""
        self._send_first()
        try:
            fd, before = self._exchange.take_over()
        except ConnectionResetError:
            stream = IOStream(socket.socket())
            stream.close()
            self.abandon()
            return stream
        self.open = False
        self.taken = TakenStream(socket.socket(fileno=fd), before, self._close_taken)
        return self.taken

    def fail(self, error: BaseException) -> None:
        """Answer for an application that has raised this."""
        if self.open:
            self._first = None
            self._exchange.fail(error)
            self._close()

    def abandon(self) -> None:
        """End the connection without the rest of the response."""
        if self.open:
            self._send_first()
            self._exchange.abandon()
            self._close()

    def await_disconnect(self) -> None:
        """Notice from now on when the client goes."""
        if self.open:
            self._exchange.when_disconnected(Waiter(self._loop, self._disconnected))

    def _disconnected(self) -> None:
        self.gone = True
        callback, self._close_callback = self._close_callback, None
        if callback is not None and self.open:
            callback()
        self._client_gone()

    def _send_first(self) -> None:
        first, self._first = self._first, None
        if first is not None:
            self._send(*first)

    def _send(self, chunk: bytes, future: Done) -> Done:
        if not self.open:
            return self._closed(future)
        try:
            room = self._exchange.send(chunk)
        except BrokenPipeError:
            self.gone = True
            return self._closed(future)
        again = partial(self._send, b"", future)
        if room or not self._exchange.when_room(Waiter(self._loop, again)):
            future_set_result_unless_cancelled(future, None)
        return future

    @staticmethod
    def _closed(future: Done) -> Done:
        if not future.done():
            future.set_exception(StreamClosedError())
            # As in tornado, the result need not be awaited.
            future.exception()
        return future

    def _close(self) -> None:
        self.open = False
        self._close_callback = None
        self._over()

    def _close_taken(self) -> None:
        self._exchange.abandon()
        self._over()


class Conversation:
    """One request and the tasks that answer it."""

    def __init__(
        self, exchange: Exchange, loop: asyncio.AbstractEventLoop, over: Callable[[], None]
    ) -> None:
        self._exchange = exchange
        self._loop = loop
        self._body = exchange.take_body()
        exchange.begin_pieces()
        self._over = over
        self._connection = Connection(exchange, loop, self._ended, self._look)
        self._delegate: HTTPServerConnectionDelegate | None = None
        self._tasks: set[Task] = set()
        self._cancelled = False

    def begin(self, delegate: HTTPServerConnectionDelegate, hook: Callable[[], None]) -> None:
        """Give the request to the application, in a task, once the hook was called."""
        self._delegate = delegate
        self._see(self._loop.create_task(self._give(delegate, hook)))
        # Handlers that wait for nothing are through by then.
        self._loop.call_soon(self._loop.call_soon, self._watch)

    @property
    def overdue(self) -> bool:
        """It is over its time, and was not cancelled."""
        return self._exchange.overdue and not self._cancelled

    def stacks(self, frame: FrameType | None) -> list[Stack]:
        """Where its tasks wait, or one was interrupted in `frame`."""
        current = None if frame is None else asyncio.current_task(self._loop)
        found = [
            Stack.of(frame) if task is current else tasks.stack(task)
            for task in self._tasks
            if not task.done()
        ]
        return found or [Stack(missing="no task of it is left")]

    def cancel(self) -> None:
        """Throw `CancelledError` into its tasks."""
        self._cancelled = True
        for task in list(self._tasks):
            task.cancel()
        self._look()

    def end(self) -> Iterable[Task]:
        """Close the connection; tasks that have taken it over see its end."""
        if self._connection.taken is not None:
            self._connection.taken.close()
            return list(self._tasks)
        self.cancel()
        return list(self._tasks)

    async def _give(self, delegate: HTTPServerConnectionDelegate, hook: Callable[[], None]) -> None:
        exchange, connection = self._exchange, self._connection
        # What it raises is answered as an exception of the application.
        hook()
        message: HTTPMessageDelegate | None = None
        try:
            target = exchange.path + ("?" + exchange.query if exchange.query else "")
            start_line = RequestStartLine(exchange.method, target, exchange.protocol)
            headers = HTTPHeaders()
            for name, value in exchange.headers:
                headers.add(name, value)
            message = delegate.start_request(connection, connection)
            await self._call(partial(message.headers_received, start_line, headers))
            await self._give_body(message)
        except HTTPInputError as error:
            gen_log.info("Malformed HTTP message from %s: %s", connection.context, error)
            if connection.open:
                refused = ResponseStartLine("", 400, "Bad Request")
                connection.write_headers(refused, HTTPHeaders({"Connection": "close"}))
                connection.finish()
            if message is not None:
                message.on_connection_close()

    async def _give_body(self, message: HTTPMessageDelegate) -> None:
        connection = self._connection
        body = _blocks(self._body, connection)
        for block in body:
            if not connection.open:
                break
            await self._call(partial(message.data_received, block))
        if connection.open:
            with tasks.seen(self._loop, self._see):
                message.finish()
        elif connection.taken is None:
            # Answered before its end: the application is not told that it is complete.
            message.on_connection_close()

    async def _call(self, method: Callable[[], Awaitable[None] | None]) -> None:
        with tasks.seen(self._loop, self._see):
            waiting = method()
        if waiting is not None:
            await waiting

    def _watch(self) -> None:
        self._connection.await_disconnect()

    def _see(self, task: Task) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: Task) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._connection.fail(error)
        self._look()

    def _look(self) -> None:
        # Is a handler left to complete it, or a callback to be called?
        if self._tasks or not (self._cancelled or self._connection.gone):
            return
        if self._connection.open and self._exchange.overdue:
            # Its client has been answered: only the access log has not heard of it.
            self._connection.fail(asyncio.CancelledError())
        self._connection.abandon()

    def _ended(self) -> None:
        if self._delegate is not None:
            self._delegate.on_close(self._connection)
        self._over()


def _blocks(body: Input, connection: Connection) -> Iterable[bytes]:
    """The request body in pieces; HTTPInputError if it is larger than the application takes."""
    count = 0
    while block := body.read(BLOCK):
        count += len(block)
        if connection.max_body_size is not None and count > connection.max_body_size:
            raise HTTPInputError("Content-Length too long")
        yield block
