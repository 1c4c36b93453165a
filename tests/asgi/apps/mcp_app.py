"""A server of the Model Context Protocol over streamable HTTP: tools that answer or report."""

from __future__ import annotations

from mcp.server.mcpserver import Context, MCPServer
from routes import gate, tell

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


application = server.streamable_http_app()
