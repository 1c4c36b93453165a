"""The access log of a worker on the engine: native while everything is as licorne set it up."""

# ruff: noqa: PLC0415 - what only some workers need is imported when it is asked for

from __future__ import annotations

from contextvars import ContextVar

from licorne.config.settings.hooks import nothing
from licorne.http.views import Request, Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging

    from licorne._engine import Exchange
    from licorne.config import Config
    from licorne.glogging import Logger

#: The request that a thread or greenlet has in hand: what hooks set on it is there for the access
#: log.
IN_HAND: ContextVar[Request | None] = ContextVar("licorne.request", default=None)


class AccessLog:
    """How the access log is written: by the engine while everything is as licorne set it up."""

    def __init__(self, log: Logger, cfg: Config) -> None:
        from licorne.glogging import Logger as OurLogger
        from licorne.glogging import logger as ours

        self.log = log
        self._cfg = cfg
        self.format: str = cfg.access_log_format
        self.json = cfg.log_format == "json"
        self.exclude = list(cfg.access_log_exclude)
        self.sample = float(cfg.access_log_sample)
        # A logger of another class need only have gunicorn's methods.
        own = type(log) is OurLogger
        #: The settings ask for lines.
        self.wanted = not own or log.access_log_enabled
        #: Lines name the time that requests have waited.
        named = self.json or "{queue_time}x" in self.format.lower()
        self.queue_timed = self.wanted and named
        #: What the class has as long as nothing of it is replaced, and the logger itself.
        self.as_made = ours.AS_MADE
        self.same: dict[str, object] = {}
        self.native = own and not self.wanted
        # A hook may add headers, of which the engine knows nothing.
        added = cfg.pre_request is not nothing and "}i" in self.format.lower()
        if own and self.wanted and not added:
            self._look(log)

    def _look(self, log: Logger) -> None:
        self.worker = log.worker or 0
        self.target: logging.Logger = log.access_log
        self.same = {"access_log": self.target, "cfg": log.cfg}
        self.handler = log.access_handler
        self.formatter = log.access_formatter
        #: Its handler writes what it is given to a plain stream.
        self.native = (
            self.handler is not None
            and self.handler in self.target.handlers
            and hasattr(getattr(self.handler, "stream", None), "fileno")
            and self._is_plain(self.formatter)
        )

    def _is_plain(self, formatter: logging.Formatter | None) -> bool:
        """Its lines are the messages: no `access_fmt` was put in the place of ours."""
        import logging

        if self.json:
            return formatter is not None
        return type(formatter) is logging.Formatter and formatter._fmt == "%(message)s"

    @staticmethod
    def sees(log: Logger) -> bool:
        """Lines are wanted, or may be: of our class every logger can be changed while it serves.

        One of another class with an `access` of its own sees every request.
        """
        from licorne.glogging import Logger as OurLogger

        if type(log) is OurLogger or type(log).access is not OurLogger.access:
            return True
        return "access" in vars(log) or log.access_log_enabled

    def fileno(self) -> int:
        """The descriptor behind the handler's stream, after everything buffered is written."""
        stream = getattr(self.handler, "stream", None)
        if stream is None:
            raise ValueError("the access log's handler has no stream")
        stream.flush()
        fd: int = stream.fileno()
        return fd

    def write(self, exchange: Exchange, microseconds: int) -> None:
        """Write one line the way gunicorn does: through the logger, whatever it has become."""
        from datetime import timedelta

        request = IN_HAND.get()
        if request is None or request.exchange is not exchange:
            request = Request(exchange, self._cfg)
        environ = exchange.environ or {}
        if exchange.queue_time is not None:
            environ.setdefault("licorne.queue_time", exchange.queue_time)
        self.log.access(
            Response(exchange, request),
            request,
            environ,
            timedelta(microseconds=microseconds),
        )
