"""The logging recipe: the application writes into the server's error log, rotated at midnight.

licorne examples.logging_app:application

The loggers of the server are ordinary loggers of the standard library. A handler added here gets
the server's own lines too, and a formatter set here is used from the next line on.
"""

from __future__ import annotations

import logging
import os
import tempfile
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LINE = "%(asctime)s %(process)d %(levelname)s %(filename)s:%(lineno)d %(message)s"


def share_the_servers_log() -> logging.Logger:
    """Let the root logger write where the server writes, and both into a file per day."""
    server = logging.getLogger("gunicorn.error")
    folder = Path(os.environ.get("LOG_DIR", tempfile.gettempdir()))
    daily = TimedRotatingFileHandler(folder / "application.log", when="midnight", backupCount=7)
    server.addHandler(daily)
    for handler in server.handlers:
        handler.setFormatter(logging.Formatter(LINE))
    logging.root.handlers = server.handlers
    logging.root.setLevel(server.level)
    return logging.getLogger(__name__)


log = share_the_servers_log()


def application(
    environ: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Log a line and greet."""
    log.info("asked for %s", environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"Hello\n"]
