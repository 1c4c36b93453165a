"""Lifespans: as they should be, and in every way in which they fail."""

from __future__ import annotations

import asyncio
import os
from contextvars import ContextVar

from routes import Receive, Scope, Send, answer, tell

seen: ContextVar[str] = ContextVar("seen", default="nothing")
#: The state of `counting`.
given: list[dict[str, int]] = []


async def show(scope: Scope, send: Send) -> None:
    """What a request sees of the start."""
    state = scope.get("state", {})
    before = repr(sorted(state.items()))
    state["mine"] = True
    if "shared" in state:
        state["shared"].append(len(state["shared"]))
    await answer(send, f"{before} {seen.get()}")


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """As it should be, and it tells."""
    if scope["type"] != "lifespan":
        await show(scope, send)
        return
    event = await receive()
    scope["state"]["shared"] = []
    scope["state"]["name"] = "started"
    seen.set("context")
    tell("startup", event["type"], scope["asgi"]["version"], os.getpid())
    await send({"type": "lifespan.startup.complete"})
    event = await receive()
    tell("shutdown", event["type"], os.getpid())
    await asyncio.sleep(0.01)
    await send({"type": "lifespan.shutdown.complete"})
    tell("ended", os.getpid())


async def counting(scope: Scope, receive: Receive, send: Send) -> None:
    """Show the state, and then count the request in what the start was given."""
    if scope["type"] == "http":
        shown = repr(scope["state"])
        given[0]["number"] += 1
        await answer(send, shown)
        return
    await receive()
    given.append(scope["state"])
    scope["state"]["number"] = 0
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def without(scope: Scope, _receive: Receive, send: Send) -> None:
    """Raise for a lifespan, as frameworks without one do."""
    assert scope["type"] == "http"
    await show(scope, send)


async def returning(scope: Scope, _receive: Receive, send: Send) -> None:
    """Return for a lifespan."""
    if scope["type"] == "http":
        await show(scope, send)


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that the start has failed."""
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database at db.example"})


async def raising(scope: Scope, receive: Receive, _send: Send) -> None:
    """Raise at the start, after asking what is to be done."""
    if scope["type"] == "lifespan":
        await receive()
    raise RuntimeError("cannot start")


async def at_the_end(scope: Scope, receive: Receive, send: Send) -> bool:
    """Start, serve, and say when this is the lifespan and the end is asked for."""
    if scope["type"] != "lifespan":
        await show(scope, send)
        return False
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    return True


async def failing_end(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise at the end."""
    if await at_the_end(scope, receive, send):
        raise RuntimeError("cannot end")


async def endless_end(scope: Scope, receive: Receive, send: Send) -> None:
    """Never end."""
    if await at_the_end(scope, receive, send):
        tell("never ends")
        await asyncio.sleep(3600)
