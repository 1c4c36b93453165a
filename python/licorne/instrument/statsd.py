"""Metrics for a statsd server, by a logger: gunicorn's names, and the tags of dogstatsd.

Messages and requests are counted where they are logged, and a message may carry a metric of its own
(`extra={"metric", "value", "mtype"}`). Datagrams never wait: one that cannot be sent is lost, and
the first of a row is told of.
"""

from __future__ import annotations

import logging
import socket

from licorne.glogging import Logger
from licorne.glogging.atoms import status_code
from licorne.glogging.logger import from_caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from typing_extensions import Unpack

    from licorne.config import Config
    from licorne.config.convert import Address
    from licorne.glogging.atoms import RequestLike, ResponseLike
    from licorne.glogging.logger import LogOptions

#: What a message's `extra` may carry, and the kinds of metrics.
METRIC_VAR, VALUE_VAR, MTYPE_VAR = "metric", "value", "mtype"
GAUGE_TYPE, COUNTER_TYPE, HISTOGRAM_TYPE, TIMER_TYPE = "gauge", "counter", "histogram", "timer"


class Statsd(Logger):
    """The logger that is used when `statsd_host` is set."""

    prefix = ""
    dogstatsd_tags = ""
    sock: socket.socket | None = None

    _address: Address | None = None
    #: What `_address` was made from.
    _host: Address | None = None
    #: The datagram before this one was lost.
    _lost = False

    def setup(self, cfg: Config) -> None:
        """Apply the settings, those of statsd too."""
        super().setup(cfg)
        self.prefix = cfg.statsd_prefix.rstrip(".") + "." if cfg.statsd_prefix else ""
        self.dogstatsd_tags = cfg.dogstatsd_tags
        if self.sock is None or cfg.statsd_host != self._host:
            self._open(cfg.statsd_host)

    def critical(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log, and count."""
        super().critical(msg, *args, **from_caller(kwargs))
        self.increment("gunicorn.log.critical", 1)

    def error(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log, and count."""
        super().error(msg, *args, **from_caller(kwargs))
        self.increment("gunicorn.log.error", 1)

    def warning(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log, and count."""
        super().warning(msg, *args, **from_caller(kwargs))
        self.increment("gunicorn.log.warning", 1)

    def exception(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log with the exception being handled, and count."""
        super().exception(msg, *args, **from_caller(kwargs))
        self.increment("gunicorn.log.exception", 1)

    def info(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log, and send the metric that comes with it."""
        self.log(logging.INFO, msg, *args, **from_caller(kwargs))

    def debug(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log, and send the metric that comes with it."""
        self.log(logging.DEBUG, msg, *args, **from_caller(kwargs))

    def log(self, lvl: int | str, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Send the metric that comes with a message; log the message, unless it is empty."""
        extra = kwargs.get("extra")
        if extra:
            self._measure(extra)
        if msg:
            super().log(lvl, msg, *args, **from_caller(kwargs))

    def access(
        self,
        resp: ResponseLike,
        req: RequestLike,
        environ: Mapping[str, object],
        request_time: timedelta,
    ) -> None:
        """Write the access line, and measure the request."""
        super().access(resp, req, environ, request_time)
        seconds = request_time.days * 86400 + request_time.seconds
        self.timer("gunicorn.request.duration", seconds * 1000 + request_time.microseconds / 1000)
        self.increment("gunicorn.requests", 1)
        status = status_code(resp.status)
        if status.isdigit():
            self.increment(f"gunicorn.request.status.{status}", 1)

    def gauge(self, name: str, value: object) -> None:
        """Send a value that holds until the next one."""
        self._sock_send(f"{self.prefix}{name}:{value}|g")

    def increment(self, name: str, value: object, sampling_rate: float = 1.0) -> None:
        """Add to a counter."""
        self._sock_send(f"{self.prefix}{name}:{value}|c|@{sampling_rate}")

    def decrement(self, name: str, value: object, sampling_rate: float = 1.0) -> None:
        """Take from a counter."""
        self._sock_send(f"{self.prefix}{name}:-{value}|c|@{sampling_rate}")

    def timer(self, name: str, value: object) -> None:
        """Send a duration in milliseconds."""
        self._sock_send(f"{self.prefix}{name}:{value}|ms")

    def histogram(self, name: str, value: object) -> None:
        """Send one value of a distribution."""
        self._sock_send(f"{self.prefix}{name}:{value}|h")

    def _measure(self, extra: Mapping[str, object]) -> None:
        name, value, kind = extra.get(METRIC_VAR), extra.get(VALUE_VAR), extra.get(MTYPE_VAR)
        if not name or value is None:
            return
        if kind == GAUGE_TYPE:
            self.gauge(str(name), value)
        elif kind == COUNTER_TYPE:
            self.increment(str(name), value)
        elif kind == HISTOGRAM_TYPE:
            self.histogram(str(name), value)
        elif kind == TIMER_TYPE:
            self.timer(str(name), value)

    def _open(self, host: Address | None) -> None:
        """Ready a socket for this address; a name is looked up once, here."""
        old = self.sock
        self._host, self._address, self.sock = host, None, None
        try:
            if isinstance(host, str):
                family, self._address = socket.AF_UNIX, host
            elif isinstance(host, tuple):
                found = socket.getaddrinfo(*host, type=socket.SOCK_DGRAM)
                family, self._address = found[0][0], found[0][4][:2]  # type: ignore[assignment]
            else:
                return
            # Never connected: a server that comes later, or comes back, is found again.
            if old is not None and old.family == family:
                self.sock = old
                return
            self.sock = socket.socket(family, socket.SOCK_DGRAM)
            if old is not None:
                old.close()
        except OSError as error:
            super().warning("No metrics: cannot reach statsd at %s: %s", host, error)
            return
        self.sock.setblocking(False)

    def _sock_send(self, msg: str) -> None:
        if self.sock is None:
            return
        tags = f"|#{self.dogstatsd_tags}" if self.dogstatsd_tags else ""
        datagram = f"{msg}{tags}".encode()
        try:
            self.sock.sendto(datagram, self._address)  # type: ignore[arg-type] # set with the socket
        except OSError as error:
            if not self._lost:
                said = "Cannot send metrics to statsd at %s: %s. They are lost until that ends."
                super().warning(said, self._address, error)
            self._lost = True
        else:
            self._lost = False
