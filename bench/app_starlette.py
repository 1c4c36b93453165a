"""Starlette's JSON: what a small framework costs on top of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


async def hello(_request: Request) -> JSONResponse:
    """Answer the greeting."""
    return JSONResponse({"message": "Hello, World!"})


app = Starlette(routes=[Route("/", hello)])
