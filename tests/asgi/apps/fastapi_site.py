"""A FastAPI application: models, dependencies that are freed, streams, background tasks."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from routes import blocks, endless_blocks, tell


class Item(BaseModel):
    """What is posted."""

    name: str
    price: float


@contextlib.asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, str]]:
    """State for requests."""
    yield {"started": "started"}


application = FastAPI(lifespan=lifespan)


@application.get("/hello")
async def hello(name: str) -> str:
    """Greet by the query."""
    return f"hello {name}"


@application.get("/threaded")
def threaded(name: str) -> str:
    """In a thread of anyio's."""
    return f"hello {name}"


@application.post("/json")
async def json(item: Item) -> dict[str, Item]:
    """The model that came."""
    return {"received": item}


async def connection(word: str) -> AsyncIterator[str]:
    """A thing that is freed after the response."""
    try:
        yield "connection"
    finally:
        tell(word, "freed")


@application.get("/depends")
async def depends(held: Annotated[str, Depends(connection)]) -> str:
    """Use it."""
    return held


@application.get("/stream")
async def stream() -> StreamingResponse:
    """Three blocks."""
    return StreamingResponse(blocks(), media_type="text/plain")


@application.get("/endless")
async def endless(word: str) -> StreamingResponse:
    """Blocks until the client has left."""
    return StreamingResponse(endless_blocks(word))


@application.get("/background")
async def background(word: str, tasks: BackgroundTasks) -> str:
    """Work after the answer."""
    tasks.add_task(tell, word, "worked")
    return "answered"


@application.get("/state")
async def state(request: Request) -> str:
    """What the start has left."""
    return request.state.started


@application.websocket("/ws")
async def websocket(websocket: WebSocket) -> None:
    """Echo."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(f"echo {await websocket.receive_text()}")
