"""A Falcon application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import falcon
import falcon.asgi
from routes import blocks, tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Hello:
    """Greet by the query."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """As text."""
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"hello {req.get_param('name')}"


class Received:
    """The JSON that came."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Send it back."""
        resp.media = {"received": await req.get_media()}


class Stream:
    """Three blocks."""

    async def on_get(self, _req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """As a stream."""
        resp.stream = blocks()


class Endless:
    """Blocks until the client has left."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """As an event stream: Falcon listens for the disconnect there."""
        word = req.get_param("word")

        async def events() -> AsyncIterator[falcon.asgi.SSEvent]:
            try:
                while True:
                    yield falcon.asgi.SSEvent(text="x")
                    await asyncio.sleep(0.001)
            finally:
                tell(word, "freed")

        resp.sse = events()


class Socket:
    """Echo."""

    async def on_websocket(self, _req: falcon.asgi.Request, socket: falcon.asgi.WebSocket) -> None:
        """Until the client leaves."""
        await socket.accept()
        while True:
            try:
                text = await socket.receive_text()
            except falcon.WebSocketDisconnected:
                return
            await socket.send_text(f"echo {text}")


class State:
    """What the start has left."""

    started = ""

    async def process_startup(self, _scope: object, _event: object) -> None:
        """State for requests."""
        State.started = "started"

    async def on_get(self, _req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """As text."""
        resp.text = State.started


application = falcon.asgi.App(middleware=[State()])
application.add_route("/hello", Hello())
application.add_route("/json", Received())
application.add_route("/stream", Stream())
application.add_route("/endless", Endless())
application.add_route("/state", State())
application.add_route("/ws", Socket())
