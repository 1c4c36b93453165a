"""The answer to a request that failed, for workers with their own network code.

The engine has its own table of refusals; this is what gunicorn's `Worker.handle_error` gives to
foreign worker classes that call it.
"""

from __future__ import annotations

from email.utils import formatdate
from html import escape

from licorne.http.errors import ParseException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.glogging import Logger
    from licorne.http.views import Request

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

#: The reasons of what the parser refuses.
REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    413: "Content Too Large",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
}


def answer(
    log: Logger,
    req: Request | None,
    client: socket.socket,
    addr: object,
    error: BaseException,
) -> None:
    """Log the failure and send its page, if the client still listens.

    What the parser refuses has a status of its own; everything else is the application's failure.
    """
    if isinstance(error, ParseException) and error.code in REASONS:
        peer = addr[0] if isinstance(addr, tuple) else addr
        log.warning("Invalid request from ip=%s: %s", peer, error)
        told = page(error.code, REASONS[error.code], str(error))
    else:
        uri = "" if req is None else f" {req.method} {req.uri}"
        log.error("Error handling request%s from %s", uri, addr, exc_info=error)
        told = page(500, "Internal Server Error", "")
    try:
        client.sendall(told)
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
        f"Date: {formatdate(usegmt=True)}\r\n"
        "\r\n"
    )
    return head.encode("latin-1") + body
