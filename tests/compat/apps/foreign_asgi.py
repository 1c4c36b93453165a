"""An ASGI application, and one whose start-up fails, for uvicorn's worker classes."""

from __future__ import annotations

import os
from pathlib import Path

# Without type checks: what an application and a server say to each other is not ours.
# mypy: ignore-errors


async def app(scope, receive, send):  # noqa: ANN001, ANN201
    """Answer with this process's id; `/wait?PATH` hangs in the loop until PATH is opened."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/wait":
        Path(scope["query_string"].decode()).read_bytes()  # noqa: ASYNC240 - what it is to show
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


async def failing(scope, receive, send):  # noqa: ANN001, ANN201
    """Say that the start has failed."""
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
