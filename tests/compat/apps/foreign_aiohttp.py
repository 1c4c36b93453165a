"""An aiohttp application for aiohttp's worker class, and one that fails to be made."""

from __future__ import annotations

import os
from pathlib import Path

from aiohttp import web

# mypy: ignore-errors


async def pid(_request):  # noqa: ANN001, ANN201
    """This process's id."""
    return web.Response(text=str(os.getpid()))


async def wait(request):  # noqa: ANN001, ANN201
    """Hang in the loop until the path is opened."""
    Path(request.query_string).read_bytes()  # noqa: ASYNC240 - what it is to show
    return web.Response(text=str(os.getpid()))


async def app():  # noqa: ANN201
    """The application, made by a coroutine."""
    made = web.Application()
    made.add_routes([web.get("/", pid), web.get("/wait", wait)])
    return made


async def failing():  # noqa: ANN201
    """No application."""
    raise RuntimeError("no database")
