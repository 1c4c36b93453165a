"""Study notes: starting, loggers and the logging recipe, HUP, the order of calls."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.server import BOOTING
from seeds.documents import shows

if TYPE_CHECKING:
    from seeds.conftest import Type

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

MYAPP = """
import logging

def app(environ, start_response):
    start_response("200 OK", [])
    return [VERSION]

application = app
VERSION = b"one"
"""
MYPROJECT = """
def create_app(greeting="made"):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [greeting.encode()]
    return app
"""
#: The listing of the document, with its imports.
RECIPE = """
import logging
from logging.handlers import TimedRotatingFileHandler

logger_name = 'gunicorn.error'
gunicorn_err_logger = logging.getLogger(logger_name)
date_log_file_name = "logs/dialogue-system.log"
handler = TimedRotatingFileHandler(date_log_file_name, when="midnight", interval=1)
handler.suffix = "%Y%m%d"
gunicorn_err_logger.addHandler(handler)
logging.root.handlers = gunicorn_err_logger.handlers
logging.root.level = gunicorn_err_logger.level
formatter = logging.Formatter("%(asctime)-15s %(levelname)s %(filename)s ln: %(lineno)d "
                              "pid: %(process)d msg: %(message)s")
for handler in logging.root.handlers:
    handler.setFormatter(formatter)
logging.info(f"logging handlers: {logging.root.handlers}, logging level: {logging.root.level}")
"""
LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO (\w+\.py) ln: [1-9]\d* pid: (\d+) msg: (.*)"

LOGGERS = """
import logging

def app(environ, start_response):
    logging.getLogger(environ["PATH_INFO"][1:]).error("said by the application")
    start_response("200 OK", [])
    return []
"""

#: A subclass of each class in the chain, with an override of each method in it.
TRACED = """
import os
import gunicorn.app.wsgiapp
import gunicorn.arbiter
import gunicorn.util
from gunicorn.workers.sync import SyncWorker

def say(name):
    os.write(2, f"chain: {name}\\n".encode())  # whole: master and worker write at the same time

def traced(cls, *names):
    def override(name):
        def method(self, *args, **kwargs):
            say(cls.__name__ + "." + name)
            return getattr(super(sub, self), name)(*args, **kwargs)
        return method
    sub = type("Traced" + cls.__name__, (cls,), {name: override(name) for name in names})
    return sub

App = traced(gunicorn.app.wsgiapp.WSGIApplication, "load_config", "run", "wsgi", "load",
             "load_wsgiapp")
Arbiter = traced(gunicorn.arbiter.Arbiter, "setup", "run", "start", "init_signals",
                 "manage_workers", "spawn_workers", "spawn_worker")
Worker = traced(SyncWorker, "init_process", "init_signals", "load_wsgi", "run")

import_app = gunicorn.util.import_app

def traced_import_app(module):
    say("import_app " + module)
    return import_app(module)
"""
START = """
import traced
import gunicorn.app.wsgiapp, gunicorn.arbiter, gunicorn.util

gunicorn.app.wsgiapp.WSGIApplication = traced.App
gunicorn.arbiter.Arbiter = traced.Arbiter
gunicorn.util.import_app = traced.traced_import_app
gunicorn.app.wsgiapp.run()
"""
CHAIN = (
    "WSGIApplication.load_config", "WSGIApplication.run", "Arbiter.setup", "Arbiter.run",
    "Arbiter.start", "Arbiter.init_signals", "Arbiter.manage_workers", "Arbiter.spawn_workers",
    "Arbiter.spawn_worker", "SyncWorker.init_process", "SyncWorker.init_signals",
    "SyncWorker.load_wsgi", "WSGIApplication.wsgi", "WSGIApplication.load",
    "WSGIApplication.load_wsgiapp", "import_app myapp:app", "SyncWorker.run",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the reader of the notes works."""
    (tmp_path / "myapp.py").write_text(MYAPP)
    (tmp_path / "myproject.py").write_text(MYPROJECT)
    return tmp_path


@shows("gunicorn -w 4 myapp:app")
def test_four_workers(type_: Type, folder: Path) -> None:
    server = type_("gunicorn -w 4 myapp:app", folder)
    workers = {server.worker_pid(number) for number in range(1, 5)}
    assert len(workers) == 4
    assert server.get("/") == (200, b"one")
    server.log.wait_for(r"\] Starting gunicorn \d")


@shows('gunicorn "myproject:create_app()"')
@pytest.mark.parametrize(
    ("line", "body"),
    [
        ('gunicorn "myproject:create_app()"', b"made"),
        ("gunicorn \"myproject:create_app('well')\"", b"well"),
        ("gunicorn \"myproject:create_app(greeting='named')\"", b"named"),
    ],
)
def test_a_factory(type_: Type, folder: Path, line: str, body: bytes) -> None:
    assert type_(line, folder).get("/") == (200, body)


@shows("gunicorn.error, gunicorn.access, gunicorn.http")
@pytest.mark.parametrize(
    ("logger", "stream"),
    [("gunicorn.error", "log"), ("gunicorn.access", "output"), ("gunicorn.http", "log")],
)
def test_the_loggers(type_: Type, folder: Path, logger: str, stream: str) -> None:
    (folder / "loggers.py").write_text(LOGGERS)
    server = type_("gunicorn --access-logfile - loggers:app", folder)
    assert server.get(f"/{logger}")[0] == 200
    server.output.wait_for(f'"GET /{logger} HTTP/1.1" 200')
    getattr(server, stream).wait_for("said by the application")


@shows("the logging recipe")
def test_the_logging_recipe(type_: Type, folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "myapp.py").write_text(RECIPE + MYAPP)
    server = type_("gunicorn myapp:app", folder)
    assert server.get("/") == (200, b"one")
    worker = server.worker_pid()
    assert server.stop() == 0
    written = (folder / "logs" / "dialogue-system.log").read_text().splitlines()
    found = [re.fullmatch(LINE, line) for line in written]
    assert all(found), written
    said = {match[3]: match[1] for match in found if match}
    (first,) = [text for text in said if text.startswith("logging handlers: ")]
    assert "TimedRotatingFileHandler" in first
    assert first.endswith("logging level: 20")
    assert said[first] == "myapp.py"
    # The server's own lines take the same way, and on standard error the same form.
    assert f"Worker exiting (pid: {worker})" in said
    assert {int(match[2]) for match in found if match} == {worker}
    assert [line for line in server.log.rest() if line in written] == written


@shows("kill -HUP masterpid")
def test_hup_brings_new_code(type_: Type, folder: Path) -> None:
    server = type_("gunicorn -w 2 myapp:app", folder)
    old = {server.worker_pid(1), server.worker_pid(2)}
    assert server.get("/") == (200, b"one")
    # Of another length: the compiled file may have the same second's time.
    (folder / "myapp.py").write_text(MYAPP.replace('b"one"', 'b"another"'))
    subprocess.run(["sh", "-c", f"kill -HUP {server.pid}"], check=True)
    server.log.wait_for("Reload complete: 2 workers serve")
    new = {int(m[1]) for line in server.log.all() if (m := re.search(BOOTING, line))} - old
    assert len(new) == 2
    for pid in old:
        server.gone(pid)
    assert {server.get("/") for _ in range(4)} == {(200, b"another")}


@shows("the call chain")
def test_overrides_of_the_whole_chain_are_called(type_: Type, folder: Path) -> None:
    (folder / "traced.py").write_text(TRACED)
    (folder / "start.py").write_text(START)
    server = type_("python start.py -k traced.Worker myapp:app", folder)
    server.log.wait_for("chain: SyncWorker.run")
    assert server.get("/") == (200, b"one")
    told = [line.removeprefix("chain: ") for line in server.log.matching("^chain: ")]
    # The loop of the master goes on to manage its workers.
    assert tuple(dict.fromkeys(told)) == CHAIN


@shows("def import_app")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("gunicorn myapp.py:app", "did you mean 'myapp:app'?"),
        ("gunicorn myapp:nothing", "Failed to find attribute 'nothing' in 'myapp'."),
    ],
)
def test_what_cannot_be_imported_is_told(type_: Type, folder: Path, line: str, told: str) -> None:
    server = type_(line, folder, tracebacks=True)
    server.log.wait_for(re.escape(told))
    assert server.wait() in {3, 4}


def test_without_a_name_it_is_application(type_: Type, folder: Path) -> None:
    assert type_("gunicorn myapp", folder).get("/") == (200, b"one")


@shows("the examples folder")
@pytest.mark.parametrize(
    "topic", ["log", "hook", "WebSocket", "BaseApplication", "nginx", "supervisord", "systemd"]
)
def test_the_examples_have_the_topics_of_gunicorns(topic: str) -> None:
    assert topic in (EXAMPLES / "README.md").read_text(encoding="utf-8")
