"""A server of the Model Context Protocol over streamable HTTP: tools that answer or report."""

from __future__ import annotations

from mcp.server.mcpserver import Context, MCPServer
from routes import Event, Receive, Scope, Send, gate, tell

server = MCPServer("licorne")


@server.tool()
def add(one: int, other: int) -> int:
    """Add two numbers."""
    return one + other


@server.tool()
async def work(word: str, context: Context) -> str:
    """Report progress, and go on when another call opens the gate."""
    await context.report_progress(1, 3, "begun")
    tell(word, "begun")
    await gate(word).wait()
    await context.report_progress(2, 3, "more")
    await context.report_progress(3, 3, "done")
    return f"worked {word}"


@server.tool()
async def go_on(word: str) -> str:
    """Open the gate."""
    gate(word).set()
    return "open"


site = server.streamable_http_app()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The site; it is told when a client's stream of notifications begins and ends."""

    async def sending(event: Event) -> None:
        if event["type"] == "http.response.start":
            tell("stream begins", event["status"])
        await send(event)

    if scope["type"] == "http" and scope["method"] == "GET":
        await site(scope, receive, sending)
        tell("stream ends")
    else:
        await site(scope, receive, send)
