"""A logger class of the project's own, that has gunicorn's methods and nothing else of it."""

import logging
import os
import sys


class PlainLogger:
    def __init__(self, cfg):
        handler = logging.StreamHandler(sys.stderr)
        form = "%(asctime)s site[%(process)d] %(message)s"
        handler.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S%z"))
        self._error = logging.getLogger("site.server")
        self._error.addHandler(handler)
        self._error.setLevel("INFO")
        self.cfg = cfg

    def setup(self, cfg):
        self.cfg = cfg

    def critical(self, msg, *args, **kwargs):
        self._error.critical(msg, *args, **kwargs)

    def error(self, msg, *args, **kwargs):
        self._error.error(msg, *args, **kwargs)

    def warning(self, msg, *args, **kwargs):
        self._error.warning(msg, *args, **kwargs)

    def info(self, msg, *args, **kwargs):
        self._error.info(msg, *args, **kwargs)

    def debug(self, msg, *args, **kwargs):
        self._error.debug(msg, *args, **kwargs)

    def exception(self, msg, *args, **kwargs):
        self._error.exception(msg, *args, **kwargs)

    def log(self, lvl, msg, *args, **kwargs):
        self._error.log(lvl, msg, *args, **kwargs)

    def access(self, resp, req, environ, request_time):
        took = type(request_time).__name__
        line = f"{environ['REQUEST_METHOD']} {req.uri} {resp.status} {resp.sent} {took}\n"
        os.write(1, line.encode())

    def reopen_files(self):
        pass

    def close_on_exec(self):
        pass


bind = "127.0.0.1:0"
logger_class = PlainLogger
