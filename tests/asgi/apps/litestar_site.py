"""A Litestar application."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar, Request, WebSocket, get, post, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Stream
from routes import blocks, endless_blocks


@get("/hello", sync_to_thread=False)
def hello(name: str) -> str:
    """Greet by the query."""
    return f"hello {name}"


@post("/json", status_code=200)
async def received(data: dict[str, Any]) -> dict[str, Any]:
    """The JSON that came."""
    return {"received": data}


@get("/stream")
async def stream() -> Stream:
    """Three blocks."""
    return Stream(blocks())


@get("/endless")
async def endless(word: str) -> Stream:
    """Blocks until the client has left."""
    return Stream(endless_blocks(word))


@get("/state")
async def state(request: Request[Any, Any, Any]) -> str:
    """What the start has left."""
    return str(request.app.state.started)


@websocket("/ws")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    """Echo."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.send_text(f"echo {await socket.receive_text()}")


@contextlib.asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """State for requests."""
    app.state.started = "started"
    yield


application = Litestar(
    route_handlers=[hello, received, stream, endless, state, echo], lifespan=[lifespan]
)
