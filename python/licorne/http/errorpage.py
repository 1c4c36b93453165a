"""The answer to a request that failed, for workers with their own network code.

The engine has its own table of refusals; this is what gunicorn's `Worker.handle_error` gives to
foreign worker classes that call it.
"""

from __future__ import annotations

from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.glogging import Logger
    from licorne.http import Request

PAGE = """<html>
  <head>
    <title>{reason}</title>
  </head>
  <body>
    <h1><p>{reason}</p></h1>
    {message}
  </body>
</html>
"""


def answer(
    log: Logger,
    req: Request | None,
    client: socket.socket,
    addr: object,
    error: BaseException,
) -> None:
    """Log the failure and send `500 Internal Server Error`, if the client still listens."""
    uri = "" if req is None else f" {req.method} {req.uri}"
    log.error("Error handling request%s from %s", uri, addr, exc_info=error)
    try:
        client.sendall(page(500, "Internal Server Error", ""))
    except OSError:
        log.debug("Failed to send error message.")


def page(status: int, reason: str, message: str) -> bytes:
    """A whole response with gunicorn's error page; the connection is closed after it."""
    body = PAGE.format(reason=reason, message=escape(message)).encode("latin-1", "replace")
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: text/html\r\n"
        f"Content-Length: {len(body)}\r\n"
        "\r\n"
    )
    return head.encode("latin-1") + body
