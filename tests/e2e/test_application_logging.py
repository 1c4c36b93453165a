"""What applications do to logging: their handlers and formats count, and no line comes twice."""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APP = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("failed")
    logging.getLogger().warning("root says once")
    start_response("200 OK", [])
    return [b"x"]
"""
#: The recipe of many guides: the application's handlers become the server's, and the reverse.
RECIPE = """
import logging
from logging.handlers import TimedRotatingFileHandler
server = logging.getLogger("gunicorn.error")
handler = TimedRotatingFileHandler("site.log", when="midnight")
handler.suffix = "%Y-%m-%d"
server.addHandler(handler)
logging.root.handlers = server.handlers
logging.root.setLevel(server.level)
for each in logging.root.handlers:
    each.setFormatter(logging.Formatter("%(process)d|%(filename)s|%(lineno)d|%(message)s"))
"""
CONFIGURATIONS = {
    "basicConfig": "logging.basicConfig(level=logging.DEBUG)",
    "Django": """
import django
from django.conf import settings
settings.configure()
django.setup()
logging.root.addHandler(logging.StreamHandler())
""",
    "uvicorn": """
import logging.config
from uvicorn.config import LOGGING_CONFIG
logging.config.dictConfig(LOGGING_CONFIG)
logging.root.addHandler(logging.StreamHandler())
""",
    "a root handler": """
import logging.config
logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"all": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["all"], "level": "DEBUG"},
})
""",
}


def test_handlers_of_the_application(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(RECIPE + APP)
    server = serve("an_app:app", *args, cwd=tmp_path, tracebacks=True)
    server.get("/")
    server.get("/fail")
    worker = server.worker_pid()
    server.stop()
    for lines in (server.log.rest(), (tmp_path / "site.log").read_text().splitlines()):
        for said in ("root says once", "Error handling request GET /fail", "Worker exiting"):
            (line,) = [each for each in lines if said in each]
            found = re.fullmatch(r"(\d+)\|(\w+\.py)\|([1-9]\d*)\|.*", line)
            assert found, line
            assert int(found.group(1)) == worker


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_no_line_twice(
    configuration: str, args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    source = "import logging\n" + CONFIGURATIONS[configuration] + APP
    (tmp_path / "an_app.py").write_text(source)
    words = ("--access-logfile", "-")
    server = serve("an_app:app", *args, *words, cwd=tmp_path, tracebacks=True)
    server.get("/once")
    server.get("/fail")
    server.stop()
    lines = server.log.rest() + server.output.rest()
    for said in (
        '"GET /once HTTP/1.1" 200',
        '"GET /fail HTTP/1.1" 500',
        "Error handling request GET /fail",
        "root says once",
        "Booting worker",
        "Worker exiting",
        "Shutting down",
    ):
        assert sum(said in line for line in lines) == 1, said


def test_a_filter_of_the_configuration(serve: Serve, tmp_path: Path) -> None:
    """Put on a logger before there is a server, by either name."""
    (tmp_path / "an_app.py").write_text("import logging\n" + APP)
    (tmp_path / "gunicorn.conf.py").write_text("""
import logging
logging.getLogger("licorne.access").addFilter(lambda record: record.args["U"] != "/ours")
logging.getLogger("gunicorn.access").addFilter(lambda record: record.args["U"] != "/theirs")
accesslog = "-"
access_log_format = "line %(U)s"
""")
    server = serve("an_app:app", cwd=tmp_path)
    for path in ("/ours", "/theirs", "/other"):
        server.get(path)
    server.output.wait_for("^line /other$")
    assert server.output.all() == ["line /other"]


LOGCONFIG = """
[loggers]
keys = root, gunicorn.error
[handlers]
keys = file
[formatters]
keys = own
[logger_root]
handlers = file
[logger_gunicorn.error]
level = INFO
handlers = file
propagate = 0
qualname = gunicorn.error
[handler_file]
class = FileHandler
formatter = own
args = ("%(here)s/the.log",)
[formatter_own]
format = FORM|%(message)s
"""


def test_a_broken_configuration_of_the_logs_changes_nothing(serve: Serve, tmp_path: Path) -> None:
    """HUP reads it again; what cannot be used leaves the one that is in force."""
    path, log = tmp_path / "log.ini", tmp_path / "the.log"
    path.write_text(LOGCONFIG.replace("FORM", "first"))
    (tmp_path / "an_app.py").write_text("import logging\n" + APP)
    server = serve("an_app:app", "--log-config", str(path), cwd=tmp_path, tracebacks=True)
    worker = _wait_for(log, r"first\|Booting worker with pid: (\d+)")
    path.write_text("[loggers]\nkeys = nothing\n")
    server.send(signal.SIGHUP)
    _wait_for(log, r"first\|Reload refused, the present configuration stays: Cannot apply")
    path.write_text(LOGCONFIG.replace("FORM", "second"))
    server.send(signal.SIGHUP)
    _wait_for(log, rf"second\|Worker exiting \(pid: {worker}\)|second\|Booting worker")
    assert server.stop() == 0
    assert "second|Shutting down: Master" in log.read_text()


def _wait_for(path: Path, pattern: str) -> str:
    """The first group of a pattern in a file that a server writes."""
    for _ in range(400):
        found = re.search(pattern, path.read_text()) if path.exists() else None
        if found is not None:
            return found.group(1) if found.re.groups else ""
        # A file has no event to be waited for that every system has.
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} in {path.read_text()}")
