"""A BlackSheep application."""

import contextlib
from functools import partial

from blacksheep import Application, Content, Request, Response, WebSocket, json, text
from blacksheep.contents import StreamedContent
from blacksheep.server.websocket import WebSocketDisconnectError
from routes import blocks, endless_blocks

application = Application()
started: list[str] = []


@application.on_start
async def start(_app: Application) -> None:
    """State for requests."""
    started.append("started")


@application.router.get("/hello")
async def hello(name: str) -> Response:
    """Greet by the query."""
    return text(f"hello {name}")


@application.router.post("/json")
async def received(request: Request) -> Response:
    """The JSON that came."""
    return json({"received": await request.json()})


@application.router.get("/stream")
async def stream() -> Response:
    """Three blocks."""
    content: Content = StreamedContent(b"text/plain", blocks)
    return Response(200, content=content)


@application.router.get("/endless")
async def endless(word: str) -> Response:
    """Blocks until the client has left."""
    return Response(200, content=StreamedContent(b"text/plain", partial(endless_blocks, word)))


@application.router.get("/state")
async def state() -> Response:
    """What the start has left."""
    return text(started[0])


@application.router.ws("/ws")
async def echo(websocket: WebSocket) -> None:
    """Echo."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnectError):
        while True:
            await websocket.send_text(f"echo {await websocket.receive_text()}")
