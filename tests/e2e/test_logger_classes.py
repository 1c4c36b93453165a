"""Logger classes of users: the method is called that gunicorn calls, with the message as it is."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APP = """
import os


def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise LookupError("secret")
    if environ["PATH_INFO"] == "/stay":
        open(os.environ["GATE"]).read()
    if environ["PATH_INFO"] == "/errors":
        environ["wsgi.errors"].write("told to wsgi.errors\\n")
    start_response("200 OK", [])
    return [b"x"]
"""
#: In the style of projects that keep what clients send out of their logs, and page an operator.
CONFIG = """
from gunicorn.glogging import Logger


class Discreet(Logger):
    def critical(self, msg, *args, **kwargs):
        super().critical("PAGE " + msg, *args, **kwargs)

    def exception(self, msg, *args, **kwargs):
        if msg.startswith("Error handling request"):
            super().error("A request failed")
            return
        super().exception(msg, *args, **kwargs)

    def warning(self, msg, *args, **kwargs):
        if msg.startswith("Invalid request from ip="):
            super().warning("Refused a request")
            return
        super().warning(msg, *args, **kwargs)

    def _get_user(self, environ):
        return environ.get("HTTP_X_USER")


logger_class = Discreet
accesslog = "-"
access_log_format = "%(u)s %(U)s"
"""
#: A logger that has only the methods, which is all that gunicorn asks for; `setup` not among them.
BARE = """
import os


class Bare:
    def __init__(self, cfg):
        pass

    def _tell(self, msg, *args, **kwargs):
        os.write(2, f"{msg % args if args else msg}\\n".encode())

    critical = error = warning = info = exception = _tell

    def debug(self, msg, *args, **kwargs):
        pass

    def access(self, resp, req, environ, request_time):
        os.write(1, f"bare {environ['PATH_INFO']} {resp.status}\\n".encode())

    def reopen_files(self):
        self.info("reopened")

    def close_on_exec(self):
        pass


logger_class = Bare
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with the application."""
    (tmp_path / "an_app.py").write_text(APP)
    return tmp_path


def test_overridden_methods(args: tuple[str, ...], serve: Serve, site: Path) -> None:
    (site / "gunicorn.conf.py").write_text(CONFIG)
    server = serve("an_app:app", *args, cwd=site)
    with server.client() as client:
        client.get("/x", "X-User: mary", close=True)
        assert client.response().status == 200
    server.output.wait_for("^mary /x$")
    assert server.get("/fail")[0] == 500
    server.log.wait_for("A request failed$")
    with server.client() as client:
        client.send(b"GET /secret%s HTTP/1.1\r\nHost : x\r\n\r\n")
        assert client.response().status == 400
    server.log.wait_for("Refused a request$")
    server.stop()
    assert not server.log.matching("secret")


def test_a_timeout_is_critical(serve: Serve, site: Path, fifo: str) -> None:
    (site / "gunicorn.conf.py").write_text(CONFIG)
    server = serve("an_app:app", "-t", "1", cwd=site, environment={"GATE": fifo}, tracebacks=True)
    with server.client() as client:
        client.get("/stay")
        server.log.wait_for(r"\[CRITICAL\] PAGE WORKER TIMEOUT \(pid:\d+\)")


def test_only_the_methods(args: tuple[str, ...], serve: Serve, site: Path) -> None:
    (site / "gunicorn.conf.py").write_text(BARE)
    server = serve("an_app:app", *args, cwd=site)
    server.log.wait_for("Booting worker")
    assert server.get("/errors")[0] == 200
    server.output.wait_for("^bare /errors 200 OK$")
    server.log.wait_for("^told to wsgi.errors$")
    server.get("/fail")
    server.log.wait_for("^Error handling request GET /fail$")
    server.send(signal.SIGHUP)
    server.log.wait_for("^Reload complete")
    server.get("/after")
    server.output.wait_for("^bare /after 200 OK$")
    server.send(signal.SIGUSR1)
    # The master's, and the worker's; the reload's before.
    server.log.wait_for("^reopened$", 3)
    assert server.stop() == 0
