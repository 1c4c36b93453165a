"""The answer to a request that failed, for workers with their own network code.

This is what gunicorn's `Worker.handle_error` does for foreign worker classes that call it; the page
is the engine's.
"""

from __future__ import annotations

from licorne.http.errors import ParseException

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.glogging import Logger
    from licorne.http.views import Request


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
    from licorne._engine import reason_phrase  # noqa: PLC0415 - only where a request has failed

    reason = reason_phrase(error.code) if isinstance(error, ParseException) else None
    if isinstance(error, ParseException) and reason is not None:
        peer = addr[0] if isinstance(addr, tuple) else addr
        log.warning("Invalid request from ip=%s: %s", peer, error)
        told = page(error.code, reason, str(error))
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
    from licorne._engine import error_page  # noqa: PLC0415 - only where a request has failed

    return error_page(status, reason, message)
