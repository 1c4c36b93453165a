"""A Quart application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quart import Quart, Response, jsonify, request, websocket
from routes import blocks, endless_blocks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

application = Quart("quart_site")


@application.before_serving
async def started() -> None:
    """State for requests."""
    application.config["STARTED"] = "started"


@application.get("/hello")
async def hello() -> str:
    """Greet by the query."""
    return f"hello {request.args['name']}"


@application.post("/json")
async def received() -> Response:
    """The JSON that came."""
    return jsonify(received=await request.get_json())


@application.get("/stream")
async def stream() -> tuple[AsyncIterator[bytes], int]:
    """Three blocks."""
    return blocks(), 200


@application.get("/endless")
async def endless() -> tuple[AsyncIterator[bytes], int]:
    """Blocks until the client has left."""
    word = request.args["word"]
    return endless_blocks(word), 200


@application.get("/state")
async def state() -> str:
    """What the start has left."""
    return str(application.config["STARTED"])


@application.websocket("/ws")
async def echo() -> None:
    """Echo."""
    while True:
        await websocket.send(f"echo {await websocket.receive()}")
