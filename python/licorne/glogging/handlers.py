"""The handlers that the server installs on its loggers, and those of files anywhere.

A log that cannot be written (a full disk, a lost directory) never harms the server, and is told of
once.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import TextIOWrapper
    from typing import TextIO

    from licorne.config import Config
    from licorne.glogging.lending import Lender

#: What lends a worker the log files that it cannot open; None where all have one user.
lender: Lender | None = None

#: gunicorn's mark on a handler that the server has installed and may replace.
MARK = "_gunicorn"


def formatter(
    cfg: Config,
    fmt: str,
    datefmt: str | None = None,
    *,
    prefix: str = "",
    worker: int | None = None,
) -> logging.Formatter:
    """For the lines of the server: text, or JSON where `log_format` says so."""
    if cfg.log_format == "json":
        from licorne.glogging.json import JsonFormatter  # noqa: PLC0415 - only for this format

        return JsonFormatter(prefix=prefix, worker=worker)
    return logging.Formatter(prefix + fmt, datefmt)


def share_names() -> None:
    """Make each logger one object under both names: what is done to either is done to the log.

    Before a configuration file can ask for one of them.
    """
    known = logging.Logger.manager.loggerDict
    for name in ("error", "access", "http"):
        known[f"licorne.{name}"] = logging.getLogger(f"gunicorn.{name}")


def loggers() -> list[logging.Logger]:
    """The root logger and every other that exists."""
    known = logging.Logger.manager.loggerDict.values()
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


def remember() -> Callable[[], None]:
    """Remember what every logger and handler is like now; calling the result brings it back.

    Closed handlers are used again: those of the standard library open what they write to anew.
    """
    known = [(log, list(log.handlers), dict(vars(log))) for log in loggers()]
    used = {handler for _, handlers, _ in known for handler in handlers}
    forms = [(handler, handler.formatter, handler.level) for handler in used]

    def bring_back() -> None:
        for log, handlers, state in known:
            vars(log).update(state)
            log.handlers[:] = handlers
            # What a level allows is remembered by each logger; setting one forgets it.
            log.setLevel(log.level)
        for handler, formatter, level in forms:
            handler.setFormatter(formatter)
            handler.setLevel(level)

    return bring_back


def of_files() -> Iterator[logging.FileHandler]:
    """Every handler that writes to a file, also those of the program."""
    seen: set[int] = set()
    for logger in loggers():
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler) and id(handler) not in seen:
                seen.add(id(handler))
                yield handler


def opened(path: str, encoding: str | None, errors: str | None = None) -> TextIOWrapper:
    """Open a log file; one that this user cannot open is borrowed from the master."""
    try:
        return open(path, "a+", encoding=encoding, errors=errors)
    except OSError:
        fd = None if lender is None else lender.borrow(os.path.abspath(path))
        if fd is None:
            raise
        return open(fd, "a", encoding=encoding, errors=errors)


def reopen(handler: logging.FileHandler, owner: tuple[int, int] | None = None) -> None:
    """Open the handler's path anew; when that fails (OSError), the file that was open stays.

    A file that is ours, or new, is given to the owner before anything tells that user of it.
    """
    handler.acquire()
    try:
        old = handler.stream
        if old is not None:
            given = getattr(handler, MARK, False) or not os.path.exists(handler.baseFilename)
            try:
                handler.stream = handler._open()
            except OSError:
                path = handler.baseFilename
                handler.stream = opened(path, handler.encoding, handler.errors)
            if given and owner and owner != (os.geteuid(), os.getegid()) and handler.stream:
                _give(handler.stream.fileno(), owner)
            with suppress(OSError):
                # A full disk: what is buffered cannot be written. That was told when it was logged.
                old.close()
    finally:
        handler.release()


def installed(log: logging.Logger) -> logging.Handler | None:
    """The handler of ours on this logger."""
    return next((each for each in log.handlers if getattr(each, MARK, False)), None)


def install(
    log: logging.Logger,
    output: str | None,
    fmt: logging.Formatter,
    stream: TextIO | None,
    owner: tuple[int, int],
) -> None:
    """Replace our handler: a file, `-` for the stream (standard error when None), or none."""
    previous = installed(log)
    if previous is not None:
        log.removeHandler(previous)
        if isinstance(previous, logging.FileHandler):
            with suppress(OSError):
                # As in `reopen`.
                previous.close()
    if output is None:
        return
    handler: logging.Handler
    handler = _Stream(stream) if output == "-" else _file(output, owner)
    handler.setFormatter(fmt)
    setattr(handler, MARK, True)
    log.addHandler(handler)


def _file(path: str, owner: tuple[int, int]) -> logging.FileHandler:
    try:
        handler = _File(path)
    except OSError as error:
        raise RuntimeError(f"Error: '{path}' isn't writable [{error!r}]") from error
    if owner != (os.geteuid(), os.getegid()) and handler.stream is not None:
        _give(handler.stream.fileno(), owner)
    return handler


def _give(fd: int, owner: tuple[int, int]) -> None:
    """Give a log to the user of the workers, which reopen it after a rotation; devices stay."""
    if not stat.S_ISCHR(os.fstat(fd).st_mode):
        with suppress(OSError):
            # Not every file system has owners. A worker that cannot reopen the file says so then.
            os.fchown(fd, *owner)


class Patient(logging.Handler):
    """Tells once that it cannot write, instead of a traceback for every line that is lost."""

    #: What is written to, for that message.
    place = "on a stream"

    #: Of the line at hand, and of the one before.
    _failed = False
    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or remember that it was lost."""
        self._failed = False
        try:
            super().emit(record)
        except OSError:
            # A file that `logging` opens anew by itself, outside of its own care.
            self.handleError(record)
        self._told = self._failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Tell of a line that could not be written, if the one before could."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            # A mistake in the call, which its author wants to see.
            super().handleError(record)
            return
        self._failed = True
        if not self._told and sys.stderr is not None:
            name = getattr(self, "baseFilename", self.place)
            with suppress(OSError):
                print(
                    f"Cannot write the log {name}: {error}. Lines are lost until that ends.",
                    file=sys.stderr,
                    flush=True,
                )


class _Stream(Patient, logging.StreamHandler):  # type: ignore[type-arg] # at run time: 3.11
    """A log on a stream."""


class _File(Patient, logging.FileHandler):
    """A log in a file."""
