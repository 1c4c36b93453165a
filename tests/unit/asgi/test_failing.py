"""The page of `--reload` for what cannot be loaded: it answers whatever kind of connection asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from licorne.asgi.failing import page_of

if TYPE_CHECKING:
    from licorne.asgi.types import Message


def told(kind: str, *received: str) -> list[Message]:
    """What the page sends, when it receives these."""
    sent: list[Message] = []
    left = list(received)

    async def receive() -> Message:
        return {"type": left.pop(0)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(page_of(KeyError("missing"))({"type": kind}, receive, send))
    assert left == []
    return sent


def test_a_request() -> None:
    start, body = told("http")
    assert start["status"] == 500
    assert body["body"] == b"KeyError: 'missing'\n"
    assert (b"content-length", b"20") in start["headers"]  # type: ignore[operator]


def test_a_websocket() -> None:
    assert [each["type"] for each in told("websocket", "websocket.connect")] == ["websocket.close"]


def test_the_lifespan() -> None:
    events = ["lifespan.startup", "lifespan.shutdown"]
    assert [each["type"] for each in told("lifespan", *events)] == [f"{e}.complete" for e in events]
