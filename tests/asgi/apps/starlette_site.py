"""A Starlette application: middleware, streams, background tasks, event streams, lifespan."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import anyio
from routes import blocks, endless_blocks, gate, tell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


class Stamp(BaseHTTPMiddleware):
    """Adds a field, after the body of the request was looked at."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Pass on, and add a field."""
        if request.method == "POST":
            await request.body()
        response = await call_next(request)
        response.headers["X-Stamp"] = "stamped"
        return response


async def hello(request: Request) -> Response:
    """Greet by the query."""
    return PlainTextResponse(f"hello {request.query_params['name']}")


async def json(request: Request) -> Response:
    """The JSON that came."""
    return JSONResponse({"received": await request.json()})


async def stream(_request: Request) -> Response:
    """Three blocks."""
    return StreamingResponse(blocks(), media_type="text/plain")


async def endless(request: Request) -> Response:
    """Blocks until the client has left; what it holds is freed then."""
    word = str(request.query_params["word"])
    return StreamingResponse(endless_blocks(word))


async def events(request: Request) -> Response:
    """An event stream in the way of sse-starlette."""
    word = str(request.query_params["word"])

    async def stream() -> AsyncIterator[dict[str, str]]:
        try:
            for number in range(3):
                yield {"event": "number", "id": str(number), "data": str(number)}
            await anyio.sleep_forever()
        finally:
            tell(word, "freed")

    return EventSourceResponse(stream())


queues: dict[str, asyncio.Queue[str]] = {}


async def join(request: Request) -> Response:
    """Put a word into a queue that `/queue` streams, as gradio's interface does."""
    sent = await request.json()
    await queues.setdefault(sent["session"], asyncio.Queue()).put(sent["data"])
    return JSONResponse({"event_id": sent["session"]})


async def queue(request: Request) -> Response:
    """The words of a queue as events, until one says `close_stream`."""
    waiting = queues.setdefault(request.query_params["session"], asyncio.Queue())

    async def stream() -> AsyncIterator[str]:
        while True:
            if await request.is_disconnected():
                return
            try:
                word = await asyncio.wait_for(waiting.get(), 0.05)
            except asyncio.TimeoutError:
                yield 'data: {"msg": "heartbeat"}\n\n'
                continue
            yield f'data: {{"msg": "{word}"}}\n\n'
            if word == "close_stream":
                return

    return StreamingResponse(stream(), media_type="text/event-stream")


async def background(request: Request) -> Response:
    """An answer, and work after it."""
    word = str(request.query_params["word"])

    async def work() -> None:
        await gate(word).wait()
        tell(word, "worked")

    return PlainTextResponse("answered", background=BackgroundTask(work))


async def threaded(request: Request) -> Response:
    """An answer, and work after it in a thread."""
    word = str(request.query_params["word"])
    return PlainTextResponse("answered", background=BackgroundTask(tell, word, "threaded"))


async def upload(request: Request) -> Response:
    """The length of a body, part by part."""
    total = 0
    try:
        async for part in request.stream():
            total += len(part)
    except ClientDisconnect:
        tell(request.query_params["word"], "ClientDisconnect")
        raise
    return PlainTextResponse(str(total))


async def form(request: Request) -> Response:
    """A form with a file."""
    async with request.form() as fields:
        file = fields["file"]
        content = await file.read()
        return JSONResponse({"name": file.filename, "size": len(content), "a": fields["a"]})


async def file(_request: Request) -> Response:
    """This file (by pathsend where the server offers it)."""
    return FileResponse(__file__)


async def left(request: Request) -> Response:
    """Ask again and again whether the client is there."""
    word = str(request.query_params["word"])
    tell(word, "asks")
    while not await request.is_disconnected():  # noqa: ASYNC110 - as people do
        await asyncio.sleep(0)
    tell(word, "knows")
    return PlainTextResponse("too late")


async def failing(_request: Request) -> Response:
    """Fail."""
    raise RuntimeError("the view failed")


async def state(request: Request) -> Response:
    """What the start has left."""
    return PlainTextResponse(request.state.started)


async def websocket(websocket: WebSocket) -> None:
    """Echo, with a task group beside it."""
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        async with anyio.create_task_group() as group:
            async for text in websocket.iter_text():
                group.start_soon(websocket.send_text, f"echo {text}")


@contextlib.asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, str]]:
    """State for requests."""
    yield {"started": "started"}
    tell("shutdown", "ran")


#: Without the middleware, which has a task group of its own for each response.
plain = Starlette(
    routes=[
        Route("/hello", hello),
        Route("/json", json, methods=["POST"]),
        Route("/stream", stream),
        Route("/endless", endless),
        Route("/events", events),
        Route("/join", join, methods=["POST"]),
        Route("/queue", queue),
        Route("/background", background),
        Route("/threaded", threaded),
        Route("/upload", upload, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/file", file),
        Route("/left", left),
        Route("/failing", failing),
        Route("/state", state),
        WebSocketRoute("/ws", websocket),
    ],
    lifespan=lifespan,
)

application = Starlette(
    routes=plain.routes, lifespan=lifespan, middleware=[Middleware(Stamp), Middleware(Stamp)]
)


async def opening(scope: object, receive: object, send: object) -> None:
    """`/open?NAME` opens a gate; all else is for the application."""
    if scope.get("path") == "/open":
        gate(scope["query_string"].decode()).set()
        await PlainTextResponse("open")(scope, receive, send)
    else:
        await application(scope, receive, send)
