"""The log record about a request that was over its time; the master or the worker writes it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import Overdue
    from licorne.glogging import Logger


def tell(log: Logger, pid: object, overdue: Overdue, stack: str) -> None:
    """The one record about a request that was over its time."""
    request = overdue.request
    log.error(
        "Request over its time: %s %s from %s, id %s.%s, running for %.1f s (%s %g s), "
        "body %s bytes, sent %s bytes, worker %s\n%s",
        request.method,
        request.target,
        request.peer or "-",
        pid,
        request.id,
        request.age,
        overdue.setting,
        overdue.limit,
        request.body,
        request.sent,
        pid,
        stack,
    )
