"""`Logger`: what the server, hooks and workers write messages and access lines with.

The engine writes access lines itself while this very class is used and the access handler and its
formatter are those installed here; whatever a user changes is asked, as gunicorn would.
"""

# ruff: noqa: PLC0415 - start-up time

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress

from licorne.glogging import atoms as access_atoms
from licorne.glogging import handlers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta
    from types import TracebackType
    from typing import TextIO, TypedDict

    from typing_extensions import Unpack

    from licorne.config import Config
    from licorne.glogging.atoms import RequestLike, ResponseLike
    from licorne.glogging.exclude import Exclude

    class LogOptions(TypedDict, total=False):
        """The keyword arguments of the standard library's logging methods."""

        exc_info: (
            bool
            | BaseException
            | tuple[type[BaseException], BaseException, TracebackType | None]
            | tuple[None, None, None]
            | None
        )
        stack_info: bool
        stacklevel: int
        extra: Mapping[str, object] | None


class Logger:
    """The error log and the access log of one process."""

    LOG_LEVELS = {  # noqa: RUF012 - gunicorn's name and form; not written to
        "critical": logging.CRITICAL,
        "error": logging.ERROR,
        "warning": logging.WARNING,
        "info": logging.INFO,
        "debug": logging.DEBUG,
    }
    loglevel = logging.INFO

    error_fmt = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
    datefmt = "[%Y-%m-%d %H:%M:%S %z]"

    access_fmt = "%(message)s"
    syslog_fmt = "[%(process)d] %(message)s"

    #: The number of the worker that this process is (`worker.age`); None in the master.
    worker: int | None = None

    _exclude: Exclude | None = None

    atoms_wrapper_class: type[access_atoms.SafeAtoms] = access_atoms.SafeAtoms

    def __init__(self, cfg: Config) -> None:
        handlers.share_names()
        self.error_log = logging.getLogger("gunicorn.error")
        self.access_log = logging.getLogger("gunicorn.access")
        self.error_log.propagate = False
        self.access_log.propagate = False
        self.error_handlers: list[logging.Handler] = []
        self.access_handlers: list[logging.Handler] = []
        self.logfile: TextIO | None = None
        self.lock = threading.Lock()
        #: The access handler and formatter installed by `setup`; None while there is none.
        self.access_handler: logging.Handler | None = None
        self.access_formatter: logging.Formatter | None = None
        self.cfg = cfg
        self.setup(cfg)

    def setup(self, cfg: Config) -> None:
        """Apply the settings: levels, files, syslog, and a logging configuration over them."""
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS.get(cfg.loglevel.lower(), logging.INFO)
        self.error_log.setLevel(self.loglevel)
        self.access_log.setLevel(logging.INFO)
        if cfg.capture_output and cfg.errorlog != "-":
            self._capture(cfg.errorlog)
        self._exclude = None
        if cfg.access_log_exclude or cfg.access_log_sample < 1:
            from licorne.glogging.exclude import Exclude

            self._exclude = Exclude(cfg.access_log_exclude, cfg.access_log_sample)
        formatter = self._formatter(self.error_fmt, self.datefmt)
        self._set_handler(self.error_log, cfg.errorlog, formatter)
        if cfg.accesslog is not None:
            self.access_formatter = self._formatter(self.access_fmt)
            self._set_handler(self.access_log, cfg.accesslog, self.access_formatter, sys.stdout)
        else:
            self._set_handler(self.access_log, None, formatter)
        self.access_handler = self._get_gunicorn_handler(self.access_log)
        if cfg.syslog:
            self._set_syslog_handler(self.error_log, cfg, self.syslog_fmt, "error")
            if not cfg.disable_redirect_access_to_syslog:
                self._set_syslog_handler(self.access_log, cfg, self.syslog_fmt, "access")
        if cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig:
            from licorne.glogging import dictconfig

            dictconfig.configure(cfg)

    def remember(self) -> Callable[[], None]:
        """Remember the logs as they are: calling the result undoes what `setup` has done since."""
        state, bring_back = dict(vars(self)), handlers.remember()

        def undo() -> None:
            vars(self).update(state)
            bring_back()
            if self.cfg.capture_output and self.cfg.errorlog != "-":
                try:
                    self._capture(self.cfg.errorlog)
                except OSError as error:
                    self.error("Cannot capture the output again: %s", error)

        return undo

    def in_worker(self, number: int) -> None:
        """From now on this is the logger of a worker, whose number is in its JSON lines."""
        self.worker = number
        if self.cfg.log_format == "json":
            from licorne.glogging.json import JsonFormatter

            for handler in (*self.error_log.handlers, *self.access_log.handlers):
                if isinstance(handler.formatter, JsonFormatter):
                    handler.formatter.worker = number

    def critical(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log."""
        self.error_log.critical(msg, *args, **from_caller(kwargs))

    def error(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log."""
        self.error_log.error(msg, *args, **from_caller(kwargs))

    def warning(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log."""
        self.error_log.warning(msg, *args, **from_caller(kwargs))

    def info(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log."""
        self.error_log.info(msg, *args, **from_caller(kwargs))

    def debug(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log."""
        self.error_log.debug(msg, *args, **from_caller(kwargs))

    def exception(self, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log, with the exception being handled."""
        kwargs.setdefault("exc_info", True)
        # Not `exception`: in Python 3.10 its own frame would count in the stack level.
        self.error_log.error(msg, *args, **from_caller(kwargs))

    def log(self, lvl: int | str, msg: object, *args: object, **kwargs: Unpack[LogOptions]) -> None:
        """Log to the error log at a level given by name or number."""
        level = self.LOG_LEVELS.get(lvl.lower(), logging.INFO) if isinstance(lvl, str) else lvl
        self.error_log.log(level, msg, *args, **from_caller(kwargs))

    @property
    def access_log_enabled(self) -> bool:
        """Whether access lines are wanted."""
        cfg = self.cfg
        return bool(
            cfg.accesslog
            or cfg.logconfig
            or cfg.logconfig_dict
            or cfg.logconfig_json
            or (cfg.syslog and not cfg.disable_redirect_access_to_syslog)
        )

    def access(
        self,
        resp: ResponseLike,
        req: RequestLike,
        environ: Mapping[str, object],
        request_time: timedelta,
    ) -> None:
        """Write the access line of one request."""
        if not self.access_log_enabled or self._left_out(resp, environ):
            return
        if self.cfg.log_format == "json":
            self._access_json(resp, environ, request_time)
            return
        values = self.atoms_wrapper_class(self.atoms(resp, req, environ, request_time))
        try:
            self.access_log.info(self.cfg.access_log_format, values)
        except Exception:
            # A user's format or atoms may fail in any way; the request must not.
            self.exception("Cannot write the access line")

    def _left_out(self, resp: ResponseLike, environ: Mapping[str, object]) -> bool:
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        status = access_atoms.status_code(resp.status)
        return self._exclude is not None and self._exclude.leaves_out(status, path)

    def _access_json(
        self, resp: ResponseLike, environ: Mapping[str, object], request_time: timedelta
    ) -> None:
        from licorne.glogging.json import access_fields

        fields = access_fields(resp, environ, request_time)
        # Handlers of others may have formatters of their own: they see the request line.
        self.access_log.info("%s", fields["message"], extra={"access": fields})

    def atoms(
        self,
        resp: ResponseLike,
        req: RequestLike,
        environ: Mapping[str, object],
        request_time: timedelta,
    ) -> dict[str, object]:
        """The values that an access line may name."""
        values = access_atoms.atoms(resp, req, environ, request_time)
        return values | {"t": self.now(), "u": self._get_user(environ) or "-"}

    def now(self) -> str:
        """The time as access lines have it."""
        return time.strftime("[%d/%b/%Y:%H:%M:%S %z]")

    def reopen_files(self) -> None:
        """Open the log files anew, after they were moved away; what cannot be opened stays."""
        failures: list[OSError] = []
        if self.cfg.capture_output and self.cfg.errorlog != "-":
            try:
                self._capture(self.cfg.errorlog)
            except OSError as error:
                failures.append(error)
        for handler in handlers.of_files():
            try:
                handlers.reopen(handler, (self.cfg.uid, self.cfg.gid))
            except OSError as error:
                failures.append(error)
        for failure in failures:
            self.error("Cannot reopen a log file, the old one stays in use: %s", failure)

    def close_on_exec(self) -> None:
        """Let executed programs not inherit the log files."""
        for handler in handlers.of_files():
            if handler.stream is not None:
                os.set_inheritable(handler.stream.fileno(), False)

    def _capture(self, path: str) -> None:
        """Send standard output and error to the error log's file."""
        old, self.logfile = self.logfile, handlers.opened(path, "utf-8")
        if old is not None:
            old.close()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                # What is buffered goes to a full disk: nothing can be logged.
                stream.flush()
            os.dup2(self.logfile.fileno(), stream.fileno())

    def _formatter(self, fmt: str, datefmt: str | None = None) -> logging.Formatter:
        return handlers.formatter(self.cfg, fmt, datefmt, worker=self.worker)

    def _get_user(self, environ: Mapping[str, object]) -> str | None:
        return access_atoms.basic_user(environ.get("HTTP_AUTHORIZATION"))

    def _get_gunicorn_handler(self, log: logging.Logger) -> logging.Handler | None:
        return handlers.installed(log)

    def _set_handler(
        self,
        log: logging.Logger,
        output: str | None,
        fmt: logging.Formatter,
        stream: TextIO | None = None,
    ) -> None:
        handlers.install(log, output, fmt, stream, owner=(self.cfg.uid, self.cfg.gid))

    def _set_syslog_handler(self, log: logging.Logger, cfg: Config, fmt: str, name: str) -> None:
        from licorne.glogging import syslog

        syslog.install(log, cfg, fmt, name)


#: What access lines are made by: the engine makes them only as long as none of it is replaced.
AS_MADE = {
    name: vars(Logger)[name]
    for name in (
        "access", "access_log_enabled", "atoms", "atoms_wrapper_class", "now", "_access_json",
        "_get_user", "_left_out",
    )
}  # fmt: skip


def remember(log: Logger) -> Callable[[], None]:
    """Remember the logs as they are: calling the result undoes what `set_up` has done since."""
    return log.remember() if isinstance(log, Logger) else handlers.remember()


def set_up(log: Logger, cfg: Config) -> None:
    """Apply other settings to a logger in use; a class of the program's need not have `setup`."""
    setup: Callable[[Config], None] | None = getattr(log, "setup", None)
    if setup is not None:
        setup(cfg)


def from_caller(options: LogOptions) -> LogOptions:
    """The record names the place that called our method, not the method (`%(filename)s`)."""
    options["stacklevel"] = options.get("stacklevel", 1) + 1
    return options
