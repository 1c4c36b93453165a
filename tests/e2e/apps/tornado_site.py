"""An application of tornado's own: each handler shows one thing."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gates import meet_on_loop
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketHandler
from tornado.wsgi import WSGIContainer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOG = logging.getLogger("gunicorn.error")


class Hello(web.RequestHandler):
    """Without waiting for anything."""

    def get(self) -> None:
        """A page."""
        self.write("Hello, World!\n")

    head = get


class Slow(web.RequestHandler):
    """Waits for a pipe, and lets the others run meanwhile."""

    async def get(self) -> None:
        """Answer when the pipe was opened for writing."""
        LOG.info("app: waits in slow")
        await gate(self.get_argument("fifo"))
        self.write("slow\n")


class Size(web.RequestHandler):
    """As much as is asked for."""

    def get(self) -> None:
        """Bytes."""
        LOG.info("app: called %s", self.request.uri)
        self.write(b"x" * int(self.get_argument("n")))


class Meet(web.RequestHandler):
    """Waits for others."""

    async def get(self) -> None:
        """Answer when so many requests are here."""
        await meet_on_loop(int(self.get_argument("n")))
        self.write("hello")


class Stream(web.RequestHandler):
    """Blocks of which each leaves when it is flushed."""

    async def get(self) -> None:
        """One block, then the rest when the pipe opens."""
        self.write("first ")
        await self.flush()
        await gate(self.get_argument("fifo"))
        self.write("second ")
        await self.flush()
        self.write("last\n")


class Endless(web.RequestHandler):
    """More than any client reads."""

    async def get(self) -> None:
        """Blocks, each flushed before the next; tells how many were taken."""
        blocks = 0
        try:
            while blocks < 10_000:
                self.write(b"x" * 65536)
                await self.flush()
                blocks += 1
        except StreamClosedError:
            LOG.info("app: the client has gone after some blocks")
        finally:
            LOG.info("app: %s blocks were taken", blocks)


class Poll(web.RequestHandler):
    """A long poll: waits for news that never come."""

    waiting: asyncio.Future[str] | None = None

    async def get(self) -> None:
        """Wait until news are posted, or the client leaves."""
        self.waiting = Poll.waiting = asyncio.get_running_loop().create_future()
        LOG.info("app: waits for news")
        try:
            self.write(await self.waiting)
        except asyncio.CancelledError:
            LOG.info("app: the poll is over")

    def on_connection_close(self) -> None:
        """Forget a client that has left."""
        LOG.info("app: the client has left")
        if self.waiting is not None:
            self.waiting.cancel()

    def post(self) -> None:
        """Tell the last client that waits."""
        if Poll.waiting is not None:
            Poll.waiting.set_result(self.get_argument("news"))


class Stuck(web.RequestHandler):
    """Waits for ever."""

    async def get(self) -> None:
        """Until it is cancelled."""
        if self.get_argument("begun", ""):
            self.write("begun")
            await self.flush()
        LOG.info("app: is stuck")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            LOG.info("app: is cancelled")
            raise


class Fail(web.RequestHandler):
    """Does wrong."""

    def get(self, how: str) -> None:
        """Raise."""
        if how == "exit":
            sys.exit(3)
        if how == "http":
            raise web.HTTPError(418)
        raise RuntimeError("this handler fails")


class Upload(web.RequestHandler):
    """Forms."""

    def post(self) -> None:
        """What came."""
        files = {
            name: [(each.filename, len(each.body)) for each in parts]
            for name, parts in self.request.files.items()
        }
        self.write({"title": self.get_body_argument("title", ""), "files": files})


@web.stream_request_body
class Pieces(web.RequestHandler):
    """Takes the body in pieces."""

    def prepare(self) -> None:
        """Before the body."""
        self.count = 0
        if most := self.get_query_argument("most", ""):
            self.request.connection.set_max_body_size(int(most))  # type: ignore[union-attr]
        if self.get_query_argument("refuse", ""):
            raise web.HTTPError(403)

    async def data_received(self, chunk: bytes) -> None:
        """One piece."""
        await asyncio.sleep(0)
        self.count += len(chunk)

    def put(self) -> None:
        """All of it has come."""
        self.write(str(self.count))


class Echo(WebSocketHandler):
    """A WebSocket."""

    def open(self) -> None:
        """Greet."""
        self.write_message("welcome")

    async def on_message(self, message: str | bytes) -> None:
        """Say it again."""
        await self.write_message(message, binary=isinstance(message, bytes))

    def on_close(self) -> None:
        """Tell."""
        LOG.info("app: the conversation is over")


class Seen(web.RequestHandler):
    """What tornado sees of a request."""

    def get(self) -> None:
        """Client, scheme, version and path."""
        request = self.request
        self.write(f"{request.remote_ip} {request.protocol} {request.version} {request.uri}\n")
        self.set_header("X-Process", os.getpid())


async def gate(fifo: str) -> None:
    """Wait until the pipe was opened for writing."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    loop.add_reader(fd, lambda: readable.done() or readable.set_result(None))
    LOG.info("app: the gate is watched")
    try:
        await readable
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """A WSGI application behind tornado's router."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"WSGI at ", environ["PATH_INFO"].encode(), b"\n"]


app = web.Application(
    [
        (r"/", Hello),
        (r"/slow", Slow),
        (r"/size", Size),
        (r"/meet", Meet),
        (r"/stream", Stream),
        (r"/endless", Endless),
        (r"/poll", Poll),
        (r"/stuck", Stuck),
        (r"/fail/(\w+)", Fail),
        (r"/upload", Upload),
        (r"/pieces", Pieces),
        (r"/echo", Echo),
        (r"/seen", Seen),
        (r"/wsgi.*", web.FallbackHandler, {"fallback": WSGIContainer(wsgi)}),
    ],
    static_path=os.path.dirname(__file__),
)
container = WSGIContainer(wsgi)
threaded = WSGIContainer(wsgi, ThreadPoolExecutor(2))


def ticking() -> web.Application:
    """The application, and something that its loop does by itself."""
    PeriodicCallback(lambda: LOG.info("app: tick"), 10).start()
    return app
