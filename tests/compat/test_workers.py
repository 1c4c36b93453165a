"""Worker classes written for gunicorn, unmodified: other projects' and a test's own."""

from __future__ import annotations

import importlib.util
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import CutShortError

if TYPE_CHECKING:
    from e2e.server import Serve, Server

APPS = Path(__file__).with_name("apps")

#: Worker class, application, application that fails to start, and what each of them needs.
FOREIGN = {
    "uvicorn-worker": ("uvicorn_worker.UvicornWorker", "foreign_asgi:app", "foreign_asgi:failing"),
    "uvicorn": ("uvicorn.workers.UvicornWorker", "foreign_asgi:app", "foreign_asgi:failing"),
    "uvicorn-h11": ("uvicorn_worker.UvicornH11Worker", "foreign_asgi:app", "foreign_asgi:failing"),
    "aiohttp": ("aiohttp.GunicornWebWorker", "foreign_aiohttp:app", "foreign_aiohttp:failing"),
    "own": ("foreign_wsgi.OwnWorker", "foreign_wsgi:app", ""),
}


@pytest.fixture(params=list(FOREIGN))
def kind(request: pytest.FixtureRequest) -> str:
    """Each worker class that can be imported."""
    name = FOREIGN[str(request.param)][0].partition(".")[0]
    if name != "foreign_wsgi" and importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    if request.param == "uvicorn" and importlib.util.find_spec("uvicorn.workers") is None:
        pytest.skip("this uvicorn has no worker class")
    return str(request.param)


def start(serve: Serve, kind: str, *args: str, failing: bool = False) -> Server:
    worker, app, broken = FOREIGN[kind]
    return serve(broken if failing else app, "-k", worker, *args, cwd=APPS, tracebacks=failing)


def answering_pid(server: Server) -> int:
    """The process that answers."""
    status, body = server.get("/")
    assert status == 200
    return int(body)


def test_it_serves_and_stops(kind: str, serve: Serve) -> None:
    server = start(serve, kind, "-w", "2")
    pids = {server.worker_pid(1), server.worker_pid(2)}
    assert answering_pid(server) in pids
    assert server.stop() == 0
    lines = server.log.rest()
    assert not [line for line in lines if "Traceback" in line]
    assert any(f"Using worker: {FOREIGN[kind][0]}" in line for line in lines)


def test_a_quick_stop(kind: str, serve: Serve) -> None:
    server = start(serve, kind)
    assert answering_pid(server) == server.worker_pid()
    assert server.stop(signal.SIGINT) == 0


def test_hup_replaces_the_workers(kind: str, serve: Serve) -> None:
    server = start(serve, kind)
    first = answering_pid(server)
    server.send(signal.SIGHUP)
    second = server.worker_pid(2)
    # uvicorn ends itself by the signal that it was sent.
    server.gone(first)
    assert answering_pid(server) == second


def test_a_killed_worker_is_replaced(kind: str, serve: Serve) -> None:
    server = start(serve, kind)
    first = answering_pid(server)
    os.kill(first, signal.SIGKILL)
    second = server.worker_pid(2)
    server.log.wait_for(rf"Worker \(pid:{first}\) was sent SIGKILL")
    assert answering_pid(server) == second


def test_a_stuck_loop_is_replaced(kind: str, serve: Serve, fifo: str) -> None:
    server = start(serve, kind, "--timeout", "2")
    first = answering_pid(server)
    with server.client() as client:
        client.get(f"/wait?{fifo}")
        server.log.wait_for(rf"WORKER TIMEOUT \(pid:{first}\)")
        second = server.worker_pid(2)
        assert answering_pid(server) == second


def test_a_worker_that_ends_after_its_requests_is_replaced(kind: str, serve: Serve) -> None:
    """It leaves by itself with status 0: that is no failure, and nothing waits for it."""
    server = start(serve, kind, "--max-requests", "2", "--graceful-timeout", "1")
    # aiohttp looks at its counter once a second, and uvicorn ten times.
    seen: set[int] = set()
    while len(seen) < 4:
        # These loops drop the connections that they have just accepted.
        with suppress(CutShortError, ConnectionError, TimeoutError):
            seen.add(answering_pid(server))
    assert not server.log.matching(r"exited with code|failed|again in")


def test_an_application_that_fails_to_start_ends_the_server(kind: str, serve: Serve) -> None:
    if not FOREIGN[kind][2]:
        pytest.skip("loads in the way of all WSGI applications")
    server = start(serve, kind, failing=True)
    assert server.wait() == 3
    assert server.log.rest()[-1].endswith("Reason: Worker failed to boot.")


def test_a_subclass_of_the_thread_worker(serve: Serve) -> None:
    """`get_thread_pool`, `handle_request`, `notify`, `handle_exit`, `run`, `init_process`."""
    server = serve(
        "foreign_wsgi:app", "-k", "foreign_wsgi.WildThreadWorker", "--threads", "3", cwd=APPS
    )
    body = server.get("/thread")[1].decode()
    assert body.startswith("wild_")
    server.log.wait_for("WILD after /thread keep=")
    server.stop()
    told = [line.partition("WILD ")[2] for line in server.log.rest() if "WILD " in line]
    assert told[0] == "init_process"
    # The pool starts a thread when none of its threads is idle.
    assert {"thread wild_0", "notify"} <= set(told)
    assert "handle_exit False" in told
    assert "before GET /thread from 127.0.0.1" in told
    assert told[-1] == "run ended"


def test_a_subclass_of_the_sync_worker(serve: Serve) -> None:
    server = serve("foreign_wsgi:app", "-k", "foreign_wsgi.WildSyncWorker", cwd=APPS)
    assert answering_pid(server) == server.worker_pid()
    server.log.wait_for("WILD / from 127.0.0.1 at 127.0.0.1")
    server.log.wait_for("WILD notify 2")


def test_a_subclass_of_the_gevent_worker(serve: Serve) -> None:
    """`patch`, `init_process`, `handle_request` with the arguments of gunicorn's."""
    pytest.importorskip("gevent")
    server = serve("foreign_gevent:app", "-k", "foreign_gevent.WildGeventWorker", cwd=APPS)
    assert answering_pid(server) == server.worker_pid()
    server.log.wait_for("WILD after /")
    server.stop()
    told = [line.partition("WILD ")[2] for line in server.log.rest() if "WILD " in line]
    assert told == [
        "init_process",
        "patch, threads too: True",
        "before / from 127.0.0.1 at 127.0.0.1",
        "after /",
    ]


def test_the_worker_of_gevent_websocket(serve: Serve) -> None:
    if importlib.util.find_spec("geventwebsocket") is None:
        pytest.skip("gevent-websocket is not installed")
    worker = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
    server = serve("foreign_gevent:app", "-k", worker, cwd=APPS)
    assert answering_pid(server) == server.worker_pid()
    with server.client() as client:
        # The handshake of RFC 6455, section 1.3.
        client.get(
            "/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )  # fmt: skip
        answer = client.response()
        assert answer.status == 101
        assert answer.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        # A text frame, masked with zeros; then what closes the connection.
        client.send(b"\x81\x82\0\0\0\0hi")
        echo = f"hi back from {server.worker_pid()}".encode()
        frame = bytes([0x81, len(echo)]) + echo
        client.send(b"\x88\x82\0\0\0\0\x03\xe8")
        assert client.everything().startswith(frame)


#: Its first worker is stopped in the middle of loading it.
STOPPED = """
import os, pathlib, signal

seen = pathlib.Path(__file__).with_name("seen")
if not seen.exists():
    seen.touch()
    os.kill(os.getpid(), signal.SIGTERM)

def app(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


@pytest.mark.parametrize("worker", ["gevent", "gevent_pywsgi", "eventlet", "tornado"])
def test_a_stop_while_the_application_is_loaded(serve: Serve, tmp_path: Path, worker: str) -> None:
    pytest.importorskip(worker.partition("_")[0])
    (tmp_path / "stopped.py").write_text(STOPPED)
    server = serve("stopped:app", "-k", worker, cwd=tmp_path)
    assert answering_pid(server) == server.worker_pid(2)


def test_a_subclass_that_answers_by_itself(serve: Serve) -> None:
    server = serve("foreign_wsgi:app", "-k", "foreign_wsgi.AnsweringWorker", cwd=APPS)
    for _ in range(2):
        with server.client() as client:
            client.request("POST", "/thread", body=b"a body")
            answer = client.response()
            assert (answer.status, answer.body) == (200, b"MainThread a body")
            assert answer.get("Connection") == "close"
            assert client.is_closed()
        server.log.wait_for("WILD answered /thread with 200 OK, 17 bytes")
    assert answering_pid(server) == server.worker_pid()


def test_a_subclass_that_answers_nothing(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "silent.py").write_text(
        "from gunicorn.workers.gthread import ThreadWorker\n"
        "class Silent(ThreadWorker):\n"
        "    def handle_request(self, req, conn):\n"
        "        if req.path == '/shut': conn.sock.shutdown(2)\n"
        "        return conn.sock is None\n"
        "def app(environ, start_response): raise AssertionError\n"
    )
    server = serve("silent:app", "-k", "silent.Silent", cwd=tmp_path, tracebacks=True)
    assert server.get("/")[0] == 500
    server.log.wait_for("the application returned without calling start_response")
    with server.client() as client:
        client.get("/shut")
        assert client.is_closed()


def test_classes_that_a_distribution_publishes(tmp_path: Path, serve: Serve) -> None:
    """`egg:DISTRIBUTION#NAME`, from gunicorn's groups of entry points."""
    (tmp_path / "published.py").write_text(
        "from gunicorn.glogging import Logger\n"
        "from gunicorn.workers.sync import SyncWorker\n"
        "class Published(SyncWorker):\n"
        "    def run(self):\n"
        "        self.log.info('runs')\n"
        "        super().run()\n"
        "class Loud(Logger):\n"
        "    def info(self, msg, *args, **kwargs):\n"
        "        super().info('LOUD ' + msg, *args, **kwargs)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'one']\n"
    )
    info = tmp_path / "published_classes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: published-classes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gunicorn.workers]\nown = published:Published\n[gunicorn.loggers]\nown = published:Loud\n"
    )
    own = "egg:published-classes#own"
    server = serve("published:app", "-k", own, "--logger-class", own, cwd=tmp_path)
    server.log.wait_for(f"LOUD Using worker: {own}")
    server.log.wait_for("LOUD runs")
    assert server.get("/") == (200, b"one")


def test_plugins_of_gevents_are_called(tmp_path: Path, serve: Serve) -> None:
    """Also those for a step in the middle of its patches; what is installed can be read after."""
    pytest.importorskip("gevent")
    (tmp_path / "plugged.py").write_text(
        "import os\n"
        "from importlib import metadata\n"
        "def told(event):\n"
        "    os.write(2, f'told {type(event).__name__}\\n'.encode())\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [metadata.entry_points.__module__.encode()]\n"
    )
    info = tmp_path / "plugged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[gevent.plugins.monkey.did_patch_builtins]\nown = plugged:told\n"
        "[gevent.plugins.monkey.did_patch_all]\nown = plugged:told\n"
    )
    server = serve("plugged:app", "-k", "gevent", cwd=tmp_path)
    assert server.get("/") == (200, b"importlib.metadata")
    told = server.log.matching("^told")
    assert told == ["told GeventDidPatchBuiltinModulesEvent", "told GeventDidPatchAllEvent"]


def test_what_is_overridden_in_vain_is_told(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "polling.py").write_text(
        "from gunicorn.workers.gthread import ThreadWorker\n"
        "class Polling(ThreadWorker):\n"
        "    def accept(self, server, listener): pass\n"
        "    def handle(self, conn): pass\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'one']\n"
    )
    server = serve("polling:app", "-k", "polling.Polling", cwd=tmp_path)
    server.log.wait_for(r"WARNING\] polling.Polling overrides accept, handle: never called")
    assert server.get("/") == (200, b"one")


REPORTING = """
from gunicorn.workers.{module} import {base}

class Reporting({base}):
    def handle_error(self, req, client, addr, exc):
        self.log.info("REPORT %s %s from %s: %r", req.method, req.path, addr[0], exc)
        super().handle_error(req, client, addr, exc)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("as expected")
    start_response("200 OK", [])
    return [b"one"]
"""


@pytest.mark.parametrize(
    ("module", "base"),
    [("sync", "SyncWorker"), ("gthread", "ThreadWorker"), ("ggevent", "GeventWorker")],
)
def test_a_subclass_that_reports_errors(
    tmp_path: Path, serve: Serve, module: str, base: str
) -> None:
    if module == "ggevent":
        pytest.importorskip("gevent")
    (tmp_path / "reporting.py").write_text(REPORTING.format(module=module, base=base))
    server = serve("reporting:app", "-k", "reporting.Reporting", cwd=tmp_path, tracebacks=True)
    assert server.get("/") == (200, b"one")
    with server.client() as client:
        client.get("/fails")
        assert client.response().status == 500
    server.log.wait_for(r"REPORT GET /fails from 127.0.0.1: ValueError\('as expected'\)")
    assert server.get("/") == (200, b"one")
    server.stop()
    assert len(server.log.matching("REPORT")) == 1
    assert len(server.log.matching("Error handling request GET /fails")) == 1


def test_a_failing_handle_request_answers_500(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "failing.py").write_text(
        "from gunicorn.workers.sync import SyncWorker\n"
        "class Failing(SyncWorker):\n"
        "    def handle_request(self, listener, req, client, addr):\n"
        "        if req.path == '/before': raise ValueError('before')\n"
        "        super().handle_request(listener, req, client, addr)\n"
        "        raise ValueError('after')\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'one']\n"
    )
    server = serve("failing:app", "-k", "failing.Failing", cwd=tmp_path, tracebacks=True)
    assert server.get("/before")[0] == 500
    assert server.get("/after") == (200, b"one")
    server.log.wait_for("ValueError: before")
    server.log.wait_for("Exception in handle_request of GET /after")
    assert not server.log.matching("exited with code")
