"""The handlers that the server installs on its loggers, and those of files anywhere."""

from __future__ import annotations

import logging
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

#: gunicorn's mark on a handler that the server has installed and may replace.
MARK = "_gunicorn"


def named(name: str) -> logging.Logger:
    """The logger `gunicorn.NAME`, that is also `licorne.NAME`."""
    logger = logging.getLogger(f"gunicorn.{name}")
    logging.getLogger("gunicorn.http")
    # One object under both names: what a user does to either is done to the server's log.
    known = logging.Logger.manager.loggerDict
    known[f"licorne.{name}"] = logger
    known["licorne.http"] = known["gunicorn.http"]
    return logger


def loggers() -> list[logging.Logger]:
    """The root logger and every other that exists."""
    known = logging.Logger.manager.loggerDict.values()
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


def of_files() -> Iterator[logging.FileHandler]:
    """Every handler that writes to a file, whoever installed it."""
    seen: set[int] = set()
    for logger in loggers():
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler) and id(handler) not in seen:
                seen.add(id(handler))
                yield handler


def reopen(handler: logging.FileHandler) -> None:
    """Close the handler's file and open its path anew."""
    handler.acquire()
    try:
        if handler.stream is not None:
            handler.close()
            handler.stream = handler._open()
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
            previous.close()
    if output is None:
        return
    handler: logging.Handler
    handler = logging.StreamHandler(stream) if output == "-" else _file(output, owner)
    handler.setFormatter(fmt)
    setattr(handler, MARK, True)
    log.addHandler(handler)


def _file(path: str, owner: tuple[int, int]) -> logging.FileHandler:
    try:
        handler = logging.FileHandler(path)
        # The workers, under their own user, reopen the file after a rotation.
        if owner != (os.geteuid(), os.getegid()):
            os.chown(path, *owner)
    except OSError as error:
        raise RuntimeError(f"Error: '{path}' isn't writable [{error!r}]") from error
    return handler
