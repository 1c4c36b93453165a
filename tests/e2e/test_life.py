"""Start, signals and ends: what an operator sees of master and workers."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from e2e import transport
from e2e.server import open_gate

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

STAMP = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"


def test_the_four_lines_of_a_start(worker: str, args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args)
    child = server.worker_pid()
    # The control socket is there some time after the loop has begun.
    said = [line for line in server.log.all() if "Control socket" not in line]
    first, second, third, fourth = said[:4]
    assert re.fullmatch(rf"{STAMP} \[{server.pid}\] \[INFO\] Starting licorne \d+\.\d+\.\d+", first)
    assert re.fullmatch(
        rf"{STAMP} \[{server.pid}\] \[INFO\] Listening at: "
        rf"{transport.SCHEME}://127\.0\.0\.1:{server.port} \({server.pid}\)",
        second,
    )
    assert re.fullmatch(rf"{STAMP} \[{server.pid}\] \[INFO\] Using worker: {worker}", third)
    assert re.fullmatch(rf"{STAMP} \[{child}\] \[INFO\] Booting worker with pid: {child}", fourth)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_ends_well(args: tuple[str, ...], serve: Serve, number: signal.Signals) -> None:
    server = serve("site_app", *args)
    assert server.get("/") == (200, b"hello")
    assert server.stop(number) == 0
    server.log.wait_for(rf"\[{server.pid}\] \[INFO\] Shutting down: Master")


#: Its import waits in a callback, where the interpreter drops what is raised.
CALLING = """
import sys
import weakref
from gates import wait_at

class Held: pass

def gone(_):
    sys.stderr.write("app: in a callback\\n")
    wait_at({fifo!r})

held = Held()
reference = weakref.ref(held, gone)
del held

def application(environ, start_response):
    return []
"""


def test_a_quick_stop_in_a_callback_is_no_error(serve: Serve, fifo: str, tmp_path: Path) -> None:
    (tmp_path / "calling.py").write_text(CALLING.format(fifo=fifo), encoding="utf-8")
    server = serve("calling", environment={"PYTHONPATH": str(tmp_path)})
    server.log.wait_for("app: in a callback")
    assert server.stop(signal.SIGINT) == 0
    assert not server.log.matching("Exception ignored|SIGKILL")


def test_a_request_that_was_begun_is_finished(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    server = serve("site_app", *args)
    with server.client() as client, server.client() as idle:
        idle.get("/")
        idle.response()
        client.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        server.send(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        open_gate(fifo)
        assert client.response().body == b"waited"
        assert client.is_closed()
        assert idle.is_closed()
    assert server.wait() == 0


def test_a_stream_that_was_begun_is_finished(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    server = serve("site_app", *args)
    with server.client() as client:
        client.get(f"/gate?fifo={fifo}")
        server.log.wait_for("app: waits at the gate")
        server.send(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        open_gate(fifo)
        assert client.response().body == b"firstsecond"
    assert server.wait() == 0


def test_a_stopping_worker_says_close_and_accepts_no_more(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    """That an idle connection is closed shows that the worker knows of the stop."""
    server = serve("site_app", *args)
    with server.client() as client, server.client() as idle, ExitStack() as stack:
        idle.get("/")
        idle.response()
        client.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        server.send(signal.SIGTERM)
        assert idle.is_closed()
        late = stack.enter_context(server.client()) if listens(server.port) else None
        if late:
            late.get("/too-late")
        open_gate(fifo)
        answer = client.response()
        assert (answer.body, answer.get("Connection")) == (b"waited", "close")
        assert client.is_closed()
        if late:
            assert late.everything() == b""
    assert server.wait() == 0
    assert not server.log.matching("called /too-late")


def test_a_request_longer_than_graceful_timeout_is_given_up(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    server = serve("site_app", *args, "--graceful-timeout", "1")
    with server.client() as client:
        client.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        server.send(signal.SIGTERM)
        client.everything()
    assert server.wait() == 0


def test_ttin_and_ttou(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args)
    assert server.get("/")[0] == 200  # a worker that still boots has no handlers yet
    first = server.worker_pid(1)
    server.send(signal.SIGTTIN)
    second = server.worker_pid(2)
    assert first != second
    server.send(signal.SIGTTOU)
    # The oldest goes, or the new one as long as it does not serve yet.
    gone = server.log.wait_for(rf"Worker (?:exiting )?\(pid: ?({first}|{second})\)").group(1)
    left = second if int(gone) == first else first
    assert server.get("/pid") == (200, str(left).encode())
    server.send(signal.SIGTTOU)  # never below one
    server.log.wait_for("Handling signal: ttou", 2)
    assert server.get("/pid") == (200, str(left).encode())


def test_a_killed_worker_is_replaced_and_its_request_is_named(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    server = serve("site_app", *args)
    first = server.worker_pid(1)
    with server.client() as client:
        client.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        os.kill(first, signal.SIGKILL)
        client.everything()
        address, port = client.socket.getsockname()
    server.log.wait_for(rf"\[ERROR\] Worker \(pid:{first}\) was sent SIGKILL!")
    line = server.log.wait_for(rf"GET /wait\?fifo=.*{address}").string
    assert "[ERROR]" in line
    assert f"{address}:{port}" in line
    second = server.worker_pid(2)
    assert server.get("/pid") == (200, str(second).encode())


def test_a_worker_that_exits_is_replaced(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("crashing_app", *args)
    first = server.worker_pid(1)
    with server.client() as client:
        client.get("/crash")
        client.everything()
    server.log.wait_for(rf"Worker \(pid:{first}\) exited with code 9\.")
    server.log.wait_for("GET /crash")
    second = server.worker_pid(2)
    assert server.get("/") == (200, str(second).encode())


def test_hup_replaces_the_workers_without_losing_a_request(
    args: tuple[str, ...], serve: Serve
) -> None:
    server = serve("site_app", *args)
    first = server.worker_pid(1)
    # One that was told to go while it was starting would have no word to say.
    assert server.get("/")[0] == 200
    answers: list[tuple[int, bytes]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(server.get("/"))

    asker = threading.Thread(target=ask)
    asker.start()
    server.send(signal.SIGHUP)
    server.worker_pid(2)
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    stop.set()
    asker.join()
    assert server.log.matching("Handling signal: hup")
    assert set(answers) == {(200, b"hello")}


def test_code_that_does_not_load_never_stops_what_serves(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    module = tmp_path / "changing.py"
    module.write_text(ANSWER.format(1), encoding="ascii")
    server = serve("changing", *args, cwd=tmp_path, tracebacks=True, environment=NO_CACHE)
    assert server.get("/") == (200, b"version 1")
    module.write_text("import a_module_that_is_not_there", encoding="ascii")
    server.send(signal.SIGHUP)
    server.log.wait_for(r"exited with code 3\.")
    assert server.get("/") == (200, b"version 1")
    module.write_text(ANSWER.format(2), encoding="ascii")
    server.send(signal.SIGHUP)
    server.log.wait_for(rf"Worker exiting \(pid: {server.worker_pid(1)}\)")
    assert server.get("/") == (200, b"version 2")


def test_the_pidfile(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "server.pid"
    server = serve("site_app", *args, "--pid", str(path))
    server.worker_pid()
    assert path.read_text(encoding="ascii").strip() == str(server.pid)
    second = serve("site_app", *args, "--pid", str(path))
    assert second.wait() == 1
    second.log.wait_for(f"Already running on PID {server.pid}")
    assert server.stop() == 0
    assert not path.exists()


def test_max_requests_replaces_a_worker(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--max-requests", "3")
    first = server.worker_pid(1)
    seen = {server.get("/pid")[1] for _ in range(3)}
    assert seen == {str(first).encode()}
    server.log.wait_for("Autorestarting worker after current request.")
    server.worker_pid(2)
    assert server.get("/")[0] == 200


def test_a_silent_worker_is_aborted(serve: Serve, fifo: str) -> None:
    server = serve("site_app", "-k", "sync", "--timeout", "1", tracebacks=True)
    first = server.worker_pid(1)
    with server.client() as client:
        client.get(f"/wait?fifo={fifo}")
        client.everything()
    server.log.wait_for(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{first}\)")
    server.log.wait_for(rf"Worker \(pid:{first}\) (exited with code 1|was sent SIG)")
    server.worker_pid(2)
    assert server.get("/") == (200, b"hello")


def test_hooks_are_called_in_order(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    configuration = tmp_path / "hooks.conf.py"
    configuration.write_text(HOOKS, encoding="ascii")
    server = serve("site_app", *args, "-c", str(configuration))
    assert server.get("/") == (200, b"hello")
    assert server.stop() == 0
    told = [m.group(1) for line in server.log.all() if (m := re.search(r"hook (\w+)", line))]
    assert [name for name in told if name in MASTER] == MASTER
    assert [name for name in told if name not in MASTER] == WORKER


#: A file that changes twice within a second looks the same to Python's bytecode cache.
NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}
ANSWER = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"version {}"]
"""


def listens(port: int) -> bool:
    """Whether the kernel still takes connections for the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


MASTER = ["on_starting", "when_ready", "pre_fork", "child_exit", "on_exit"]
WORKER = ["post_fork", "post_worker_init", "pre_request", "post_request", "worker_exit"]
HOOKS = """
def on_starting(server): server.log.info("hook on_starting")
def when_ready(server): server.log.info("hook when_ready")
def pre_fork(server, worker): server.log.info("hook pre_fork")
def post_fork(server, worker): server.log.info("hook post_fork")
def post_worker_init(worker): worker.log.info("hook post_worker_init")
def pre_request(worker, req):
    assert (req.method, req.path, req.uri) == ("GET", "/", "/")
    worker.log.info("hook pre_request")
def post_request(worker, req, environ, resp):
    assert (req.method, environ["PATH_INFO"]) == ("GET", "/")
    assert (resp.status, resp.sent) == ("200 OK", 5)
    worker.log.info("hook post_request")
def child_exit(server, worker): server.log.info("hook child_exit")
def worker_exit(server, worker): server.log.info("hook worker_exit")
def on_exit(server): server.log.info("hook on_exit")
"""
