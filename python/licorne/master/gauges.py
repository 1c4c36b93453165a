"""What the master tells a log as metrics at each look: its workers, the listen queue, and what the
workers count of TLS and HTTP/2.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from licorne.glogging import Logger
    from licorne.metrics.page import Family, Sample
    from licorne.sock import BaseSocket


class Gauges:
    """Tells by debug messages, which a logger such as `Statsd` takes as metrics."""

    def __init__(self) -> None:
        self._workers = -1
        #: What was told last, by the names of metrics.
        self._told: dict[str, float] = {}

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

    def tell_families(self, log: Logger, families: Iterable[Family]) -> None:
        """Families of the metrics page that have changed: of counters, how much they have grown.

        All workers together: metrics of statsd have no labels.
        """
        for each in families:
            values: dict[str, float] = {}
            for sample in each.samples:
                name = _name(each, sample)
                values[name] = values.get(name, 0) + sample.value
            for name, value in values.items():
                growth = value - self._told.get(name, 0)
                if growth:
                    self._told[name] = value
                    told = int(growth if each.kind == "counter" else value)
                    extra = {"metric": name, "value": told, "mtype": each.kind}
                    log.debug("%s: %s", name, told, extra=extra)


def _name(family: Family, sample: Sample) -> str:
    """`licorne_tls_handshakes` with `result="full"` is `licorne.tls_handshakes.full`."""
    which = (value for label, value in sample.labels if label not in ("worker_type", "worker"))
    return ".".join((family.name.replace("_", ".", 1), *which))
