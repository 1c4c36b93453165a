"""The Model Context Protocol over streamable HTTP: its own server and its own client."""

# ruff: noqa: PLC0415 - to import mcp takes as long as a fifth of collecting all tests

from __future__ import annotations

import asyncio
import importlib.util
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp import Client

    from asgi.conftest import Shared, Start, Token

if importlib.util.find_spec("mcp") is None:
    pytest.skip("mcp is not installed", allow_module_level=True)

#: The protocol with a handshake and a session, and that of 2026-07-28 without.
MODES = ["legacy", "auto"]


@asynccontextmanager
async def client(url: str, mode: str) -> AsyncIterator[Client]:
    """A client that asks no proxy of the environment."""
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as mcp,
    ):
        yield mcp


@pytest.mark.parametrize("mode", MODES)
def test_a_tool(shared: Shared, mode: str) -> None:
    async def talk() -> None:
        async with client(url, mode) as mcp:
            names = {tool.name for tool in (await mcp.list_tools()).tools}
            assert names == {"add", "work", "go_on"}
            for number in range(5):
                answer = await mcp.call_tool("add", {"one": number, "other": 1})
                assert answer.structured_content == {"result": number + 1}

    url = shared("mcp_app").url
    asyncio.run(talk())


@pytest.mark.parametrize("mode", MODES)
def test_progress_comes_as_it_is_made(shared: Shared, mode: str, token: Token) -> None:
    """On an event stream, while the same client has other calls answered."""

    async def talk() -> None:
        reported: list[str | None] = []
        begun = asyncio.Event()

        async def note(_progress: float, _total: float | None, message: str | None) -> None:
            reported.append(message)
            begun.set()

        async with client(server.url, mode) as mcp:
            call = mcp.call_tool("work", {"word": word}, progress_callback=note)
            working = asyncio.create_task(call)
            await begun.wait()
            assert reported == ["begun"]
            await mcp.call_tool("go_on", {"word": word})
            answer = await working
        assert answer.structured_content == {"result": f"worked {word}"}
        assert reported == ["begun", "more", "done"]

    server, word = shared("mcp_app"), token()
    asyncio.run(talk())


def test_the_end_of_a_session(start: Start) -> None:
    """The client says it with DELETE; its event stream of notifications ends with it."""

    async def talk() -> None:
        async with client(server.url, "legacy") as mcp:
            await mcp.call_tool("add", {"one": 1, "other": 1})
            await asyncio.to_thread(server.log.wait_for, "TOLD stream begins 200")

    server = start("mcp_app", "--access-logfile", "-")
    asyncio.run(talk())
    server.log.wait_for("TOLD stream ends")
    server.output.wait_for(r'"DELETE /mcp HTTP/1\.1" 200')


def test_a_stop(start: Start) -> None:
    """The event stream of an open session is told at once: it does not keep the server."""

    async def talk() -> None:
        async with client(server.url, "legacy") as mcp:
            await mcp.list_tools()
            await asyncio.to_thread(server.log.wait_for, "TOLD stream begins 200")
            server.send(signal.SIGTERM)
            assert await asyncio.to_thread(server.wait) == 0

    server = start("mcp_app", "--graceful-timeout", str(int(PATIENCE)))
    asyncio.run(talk())
    assert server.log.matching("SIGKILL|cancelled") == []
