"""What the master measures of itself at each look: its workers, and the listen queue."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from licorne.glogging import Logger
    from licorne.sock import BaseSocket


class Gauges:
    """Tells by debug messages, which a logger such as `Statsd` takes as metrics."""

    def __init__(self) -> None:
        self._workers = -1

    def tell(self, log: Logger, workers: int) -> None:
        """The number of workers, when it is another one."""
        if workers != self._workers:
            self._workers = workers
            extra = {"metric": "gunicorn.workers", "value": workers, "mtype": "gauge"}
            log.debug("%s workers", workers, extra=extra)

    @staticmethod
    def tell_backlog(log: Logger, sockets: Iterable[BaseSocket]) -> None:
        """The number of connections that no worker has accepted yet."""
        waiting = sum(each.get_backlog() or 0 for each in sockets)
        extra = {"metric": "gunicorn.backlog", "value": waiting, "mtype": "histogram"}
        log.debug("socket backlog: %s", waiting, extra=extra)
