"""What serves with `reload` while the application cannot be loaded or started: its traceback."""

from __future__ import annotations

import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.asgi.types import ASGIApplication, Receive, Scope, Send


def page_of(error: BaseException) -> ASGIApplication:
    """An application that answers every request with the traceback of this error."""
    text = "".join(traceback.format_exception(error)).encode()
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
    ]

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1011})
        else:
            await send({"type": "http.response.start", "status": 500, "headers": fields})
            await send({"type": "http.response.body", "body": text})

    return page
