"""An introduction: installing, the three commands, the configuration in its three places."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from compat.distribution import ROOT, run
from e2e.client import Client
from e2e.front import free_port
from seeds.documents import shows

if TYPE_CHECKING:
    from pathlib import Path

    from seeds.conftest import Type

#: The listing of the document, in bytes: Python 3 and PEP 3333 want no text.
TEST = """
def app(environ, start_response):
    data = b'hello, world!\\n'
    status = '200 ok'
    response_headers = [
        ('content-type', 'text/plain'),
        ('content-length', str(len(data))),
    ]
    start_response(status, response_headers)
    return iter([data])

def make(_global, **_settings):
    return app
"""
#: Two addresses, each with a pool for one request; one to the second ends the wait at the first.
POOLS = """
import threading
opened = threading.Event()

def app(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/open":
        opened.set()
    else:
        opened.wait()
    return [environ["SERVER_PORT"].encode()]
"""
#: The two listings from gevent's source: each method extended in a subclass.
OWN_SERVER = """
import sys
from gunicorn.workers.ggevent import GeventPyWSGIWorker, PyWSGIHandler, PyWSGIServer

def say(*words):
    print("called:", *words, file=sys.stderr, flush=True)

class Server(PyWSGIServer):
    def start_accepting(self):
        say("start_accepting")
        super().start_accepting()

    def do_handle(self, *args):
        say("do_handle")
        super().do_handle(*args)

class Handler(PyWSGIHandler):
    def handle(self):
        say("handle")
        super().handle()

    def handle_one_request(self):
        say("handle_one_request")
        return super().handle_one_request()

class Worker(GeventPyWSGIWorker):
    server_class = Server
    wsgi_handler = Handler
"""
MEETING = """
import threading
from eventlet import patcher
arrived, met = threading.Event(), threading.Event()

def app(environ, start_response):
    mine, other = (arrived, met) if environ["PATH_INFO"] == "/wait" else (met, arrived)
    mine.set()
    other.wait()
    start_response("200 OK", [])
    return [str(patcher.is_monkey_patched("socket")).encode()]
"""
CONFIG = """
import multiprocessing

bind = "127.0.0.1:{port}"
workers = multiprocessing.cpu_count() * 2 + 1
"""
HELLO = (200, b"hello, world!\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the reader works."""
    (tmp_path / "test.py").write_text(TEST)
    (tmp_path / "test.ini").write_text("[app:main]\nuse = call:test:make\n")
    return tmp_path


@shows("python setup.py install")
def test_setup_py_names_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "install"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "python -m pip install ." in done.stderr


@shows("start_response(…); return iter([data])")
def test_the_listing(type_: Type, folder: Path) -> None:
    server = type_("gunicorn test:app", folder)
    with server.client() as client:
        client.get("/")
        answer = client.response()
    assert (answer.status, answer.reason, answer.body) == (200, "ok", HELLO[1])
    assert answer.get("Content-Type") == "text/plain"
    assert answer.get("Content-Length") == "14"


@shows(
    "gunicorn, gunicorn_django, gunicorn_paster",
    "gunicorn_django [OPTIONS] [SETTINGS_PATH]",
    "django_admin.py startproject mysite",
)
@pytest.mark.parametrize(
    "line",
    [
        "gunicorn mysite.wsgi:application",
        "gunicorn_django",
        "gunicorn_django --workers 2 mysite/settings.py",
        "gunicorn_django mysite.settings",
    ],
)
def test_django(type_: Type, folder: Path, line: str) -> None:
    run(sys.executable, "-m", "django", "startproject", "mysite", cwd=folder)
    status, page = type_(line, folder / "mysite").get("/")
    assert status == 200
    assert b"The install worked successfully!" in page


def test_paster(type_: Type, folder: Path) -> None:
    assert type_("gunicorn_paster test.ini", folder).get("/") == HELLO


@shows("gunicorn -h")
def test_help_lists_the_options(commands: Path) -> None:
    told = run(str(commands / "gunicorn"), "-h").stdout
    # Python 3.13 names a value once: -w, --workers INT.
    for flags in ("-w( INT)?, --workers INT", "-b( ADDRESS)?, --bind ADDRESS", "-c[ ,]", "-k[ ,]"):
        assert re.search(rf"^  {flags}", told, re.MULTILINE), flags


@shows("4 workers on 127.0.0.1:8000")
def test_workers_and_address_by_flags(type_: Type, folder: Path) -> None:
    port = free_port()
    server = type_(f"gunicorn -w 4 -b 127.0.0.1:{port} test:app", folder, bind=())
    server.worker_pid(4)
    assert server.port == port
    assert server.get("/") == HELLO


def test_the_address_of_the_document_is_the_default(commands: Path, folder: Path) -> None:
    told = run(str(commands / "gunicorn"), "--print-config", "test:app", cwd=folder).stdout
    settings = {line.split()[0]: line for line in told.splitlines() if line}
    assert "127.0.0.1:8000" in settings["bind"]
    assert "sync" in settings["worker_class"]


@shows("config.py")
def test_workers_and_address_by_file(type_: Type, folder: Path) -> None:
    port = free_port()
    (folder / "config.py").write_text(CONFIG.format(port=port))
    server = type_("gunicorn -c config.py test:app", folder, bind=())
    server.worker_pid(multiprocessing.cpu_count() * 2 + 1)
    assert server.port == port
    assert server.get("/") == HELLO


@shows("worker_class = eventlet")
def test_the_file_chooses_eventlet(type_: Type, folder: Path) -> None:
    """One worker: two requests wait for each other."""
    port = free_port()
    text = CONFIG.format(port=port).replace("multiprocessing.cpu_count() * 2 + 1", "1")
    (folder / "config.py").write_text(text + 'worker_class = "eventlet"\n')
    (folder / "meeting.py").write_text(MEETING)
    server = type_("gunicorn -c config.py meeting:app", folder, bind=())
    server.log.wait_for("Using worker: eventlet")
    with server.client() as first:
        first.get("/wait")
        assert server.get("/meet") == (200, b"True")
        assert first.response().body == b"True"


@shows("a configuration file and flags together")
def test_the_command_line_wins(type_: Type, folder: Path) -> None:
    (folder / "config.py").write_text(CONFIG.format(port=free_port()))
    port = free_port()
    server = type_(f"gunicorn -c config.py -w 1 -b 127.0.0.1:{port} test:app", folder, bind=())
    assert server.port == port
    assert server.get("/") == HELLO
    assert server.stop() == 0
    assert len(server.log.matching("Booting worker")) == 1


@shows("for s in self.sockets: pool = Pool(…)")
@pytest.mark.parametrize("kind", ["gevent", "gevent_pywsgi"])
def test_each_listener_has_its_pool(type_: Type, folder: Path, kind: str) -> None:
    (folder / "pools.py").write_text(POOLS)
    line = f"gunicorn -k {kind} --worker-connections 1 pools:app"
    server = type_(line, folder, bind=("127.0.0.1:0", "127.0.0.1:0"))
    found = server.log.wait_for(
        r"Listening at: http://127\.0\.0\.1:(\d+),http://127\.0\.0\.1:(\d+)"
    )
    first, second = int(found[1]), int(found[2])
    with Client.tcp(first) as one, Client.tcp(second) as other:
        one.get("/wait", close=True)
        other.get("/open", close=True)
        assert int(other.response().body) == second
        assert int(one.response().body) == first


@shows("def do_handle", "def handle")
def test_gevents_own_server(type_: Type, folder: Path) -> None:
    (folder / "own.py").write_text(OWN_SERVER)
    server = type_("gunicorn -k own.Worker test:app", folder)
    with server.client() as client:
        for _ in range(2):
            client.get("/")
            assert client.response().body == HELLO[1]
    server.log.wait_for("called: handle_one_request", 3)
    called = [line.removeprefix("called: ") for line in server.log.matching("^called: ")]
    assert called == ["start_accepting", "do_handle", "handle", *["handle_one_request"] * 3]


@shows("TTIN, TTOU, CHLD")
def test_the_master_adds_and_removes_and_replaces(type_: Type, folder: Path) -> None:
    server = type_("gunicorn test:app", folder)
    first = server.worker_pid(1)
    server.send(signal.SIGTTIN)
    second = server.worker_pid(2)
    assert second != first
    server.send(signal.SIGTTOU)
    # The second, if it is not ready yet; then it may not even have its handlers of signals.
    exiting = r"Worker exiting \(pid: (\d+)\)|Worker \(pid:(\d+)\) was sent SIGTERM"
    found = server.log.wait_for(exiting)
    gone = int(found[1] or found[2])
    os.kill(first + second - gone, signal.SIGKILL)
    third = server.worker_pid(3)
    assert third not in {first, second}
    assert server.get("/") == HELLO
