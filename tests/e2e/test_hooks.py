"""Every hook: in which process, in which order, with which objects, and what its failure does."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

#: Every hook with its arguments; those of features still to come are taken, and not called.
ARGUMENTS = {
    "on_starting": "server", "on_reload": "server", "when_ready": "server",
    "pre_fork": "server, worker", "post_fork": "server, worker", "post_worker_init": "worker",
    "worker_int": "worker", "worker_abort": "worker", "pre_exec": "server",
    "pre_request": "worker, req", "post_request": "worker, req, environ, resp",
    "child_exit": "server, worker", "worker_exit": "server, worker",
    "nworkers_changed": "server, new, old", "on_exit": "server",
    "ssl_context": "config, factory", "on_dirty_starting": "arbiter",
    "dirty_post_fork": "arbiter, worker", "dirty_worker_init": "worker",
    "dirty_worker_exit": "arbiter, worker",
}  # fmt: skip

#: Forty requests wait for each other.
MEETING = """
import threading
barrier = threading.Barrier(40)

def app(environ, start_response):
    barrier.wait()
    start_response("200 OK", [])
    return [b"met"]
"""

#: Each hook says its name and process, and looks at what others' hooks use.
TELLING = """
import os
import sys
SERVER = "log cfg pid address LISTENERS WORKERS num_workers proc_name".split()
WORKER = ("pid ppid age nr alive booted aborted cfg log tmp app wsgi sockets max_requests").split()
REQUEST = "method uri path query headers version body scheme remote_addr peer_addr".split()
RESPONSE = "status headers sent response_length".split()
WANTED = dict(server=SERVER, worker=WORKER, req=REQUEST, resp=RESPONSE)

def tell(name, **given):
    for kind, thing in given.items():
        for attribute in WANTED.get(kind, ()):
            getattr(thing, attribute)
    pid = getattr(given.get("worker"), "pid", "-")
    sys.stderr.write(f"hook {name} in {os.getpid()} worker {pid}\\n")
"""


def telling() -> str:
    """A configuration with every hook."""
    parts = [TELLING]
    for name, arguments in ARGUMENTS.items():
        given = ", ".join(f"{each}={each}" for each in arguments.split(", "))
        parts.append(f"def {name}({arguments}): tell({name!r}, {given})\n")
    return "\n".join(parts)


def told(server: Server) -> list[tuple[str, int, str]]:
    """The hooks that were called: name, process, worker."""
    lines = (line.split() for line in server.log.matching("^hook "))
    return [(name, int(pid), worker) for _, name, _, pid, _, worker in lines]


@pytest.fixture
def everything(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> Server:
    """A server with every hook, that has answered."""
    (tmp_path / "c.py").write_text(telling(), encoding="ascii")
    server = serve("site_app", *args, "-c", str(tmp_path / "c.py"))
    assert server.get("/") == (200, b"hello")
    return server


def test_a_life(everything: Server) -> None:
    server = everything
    first = server.worker_pid()
    server.log.wait_for("hook post_request")
    server.send(signal.SIGHUP)
    server.log.wait_for(f"hook child_exit in {server.pid} worker {first}")
    second = server.worker_pid(2)
    assert server.stop() == 0
    names = told(server)
    master = server.pid
    assert [each for each in names if each[1] == master] == [
        ("nworkers_changed", master, "-"),
        ("on_starting", master, "-"),
        ("when_ready", master, "-"),
        ("pre_fork", master, "[booting]"),
        ("on_reload", master, "-"),
        ("pre_fork", master, "[booting]"),
        ("child_exit", master, str(first)),
        ("child_exit", master, str(second)),
        ("on_exit", master, "-"),
    ]
    assert [each for each in names if each[1] == first] == [
        (name, first, str(first))
        for name in ("post_fork", "post_worker_init", "pre_request", "post_request", "worker_exit")
    ]
    assert {each[1] for each in names} == {master, first, second}


@pytest.mark.parametrize(
    ("number", "hook"), [(signal.SIGINT, "worker_int"), (signal.SIGABRT, "worker_abort")]
)
def test_signals_to_a_worker(everything: Server, number: signal.Signals, hook: str) -> None:
    first = everything.worker_pid()
    # The response is there before the hook that follows it.
    everything.log.wait_for("hook post_request")
    os.kill(first, number)
    everything.log.wait_for(f"hook child_exit in {everything.pid} worker {first}")
    names = [name for name, pid, _ in told(everything) if pid == first]
    assert names[-2:] == [hook, "worker_exit"]
    everything.worker_pid(2)


def test_the_number_of_workers(everything: Server) -> None:
    everything.send(signal.SIGTTIN)
    everything.log.wait_for(f"hook nworkers_changed in {everything.pid}", 2)
    everything.worker_pid(2)


FAILING = "def {0}({1}): raise RuntimeError('hook {0} fails')\n"


def failing(serve: Serve, tmp_path: Path, name: str) -> Server:
    """A server with one hook, that fails."""
    text = FAILING.format(name, ARGUMENTS[name])
    (tmp_path / "c.py").write_text(text, encoding="ascii")
    return serve("site_app", "-c", str(tmp_path / "c.py"), tracebacks=True)


#: What gunicorn 27.0.1 does, seen by running it: its exit code and words.
ENDS = {
    "on_starting": (1, "Error: hook on_starting fails"),
    "when_ready": (1, "Error: hook when_ready fails"),
    "nworkers_changed": (1, "Error: hook nworkers_changed fails"),
    "pre_fork": (255, "Unhandled exception in main loop"),
    "post_fork": (3, "Exception in worker process"),
    "post_worker_init": (3, "Exception in worker process"),
}


@pytest.mark.parametrize("name", list(ENDS))
def test_a_failure_that_prevents_the_start(serve: Serve, tmp_path: Path, name: str) -> None:
    code, said = ENDS[name]
    server = failing(serve, tmp_path, name)
    assert server.wait() == code
    server.log.wait_for(said)
    server.log.wait_for(f"hook {name} fails")
    if code == 3:
        server.log.wait_for(r"Worker \(pid:\d+\) exited with code 3\.")
        server.log.wait_for("Reason: Worker failed to boot.")


def test_a_failure_before_a_request_is_its_failure(serve: Serve, tmp_path: Path) -> None:
    server = failing(serve, tmp_path, "pre_request")
    assert server.get("/")[0] == 500
    server.log.wait_for("Error handling request GET /")
    server.log.wait_for("RuntimeError: hook pre_request fails")


def test_a_failure_after_a_request_is_only_told(serve: Serve, tmp_path: Path) -> None:
    server = failing(serve, tmp_path, "post_request")
    assert server.get("/") == (200, b"hello")
    server.log.wait_for("Exception in post_request hook")
    assert server.get("/") == (200, b"hello")


def test_a_failure_before_an_upgrade_leaves_the_server_alone(serve: Serve, tmp_path: Path) -> None:
    server = failing(serve, tmp_path, "pre_exec")
    server.get("/")
    server.send(signal.SIGUSR2)
    server.log.wait_for("RuntimeError: hook pre_exec fails")
    assert server.get("/") == (200, b"hello")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def pre_fork(server): pass", "Invalid value for pre_fork: .*2 argument"),
        ("def post_request(worker): pass", "Invalid value for post_request: .*4, 3 or 2 arguments"),
        ("def ssl_context(config): pass", "Invalid value for ssl_context: .*2 argument"),
        ("def dirty_post_fork(arbiter): pass", "Invalid value for dirty_post_fork: .*2 argument"),
        ("when_ready = 'no_such_module.f'", "Invalid value for when_ready: .*no_such_module"),
    ],
)
def test_a_hook_that_cannot_be_called(serve: Serve, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.py").write_text(f"{text}\n", encoding="ascii")
    server = serve("site_app", "-c", str(tmp_path / "c.py"))
    assert server.wait() == 1
    server.log.wait_for(said)


#: Says in a header and in the access log how many requests its worker had.
ADDING = """
access_log_format = "logged %({x-count}i)s %({x-more}i)s"
accesslog = "-"
def pre_request(worker, req):
    req.headers.append(("x-count", str(worker.nr)))
    req.headers.append(("X-More", "1"))
    req.headers.append(("X-More", "2"))
def post_request(worker, req, environ, resp):
    assert ("X-More", "2") in req.headers
"""
TOLD = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [(environ["HTTP_X_COUNT"] + environ["HTTP_X_MORE"]).encode()]
"""


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_a_hook_adds_headers(serve: Serve, tmp_path: Path, kind: str) -> None:
    (tmp_path / "site_app.py").write_text(TOLD)
    (tmp_path / "gunicorn.conf.py").write_text(ADDING)
    server = serve("site_app:app", "-k", kind, cwd=tmp_path)
    assert server.get("/")[1] == b"01,2"
    assert server.get("/")[1] == b"11,2"
    # Of repeated headers the last one, as in gunicorn.
    server.output.wait_for("logged 0 2")
    server.output.wait_for("logged 1 2")
    server.stop()
    assert not server.log.matching("Exception in post_request")


#: A link to the present release, and the directory that it leads to when the upgrade comes.
LEADING = """
def pre_exec(server):
    server.START_CTX["cwd"] = {release!r}
    server.log.info("EXECUTES %s %s", server.START_CTX[0], server.START_CTX["args"][0])
"""


def test_a_hook_that_leads_an_upgrade_elsewhere(serve: Serve, tmp_path: Path) -> None:
    for name in ("old", "new"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "site_app.py").write_text(TOLD.replace("environ[", f"'{name}' or environ["))
        (folder / "gunicorn.conf.py").write_text(LEADING.format(release=str(tmp_path / "new")))
    server = serve("site_app:app", cwd=tmp_path / "old")
    assert server.get("/")[1].startswith(b"old")
    server.send(signal.SIGUSR2)
    server.log.wait_for(f"EXECUTES {sys.executable} {sys.executable}")
    second = int(server.log.wait_for(r"New master with pid: (\d+)").group(1))
    server.worker_pid(2)
    server.send(signal.SIGTERM)
    assert server.wait() == 0
    server.log.wait_for("Master has been promoted")
    assert server.get("/")[1].startswith(b"new")
    os.kill(second, signal.SIGTERM)
    server.log.wait_for("Shutting down: Master", 2)


def test_hooks_around_many_requests_at_a_time(serve: Serve, tmp_path: Path) -> None:
    """All of them are with the application before the first is answered."""
    (tmp_path / "meeting.py").write_text(MEETING)
    (tmp_path / "gunicorn.conf.py").write_text("def pre_request(worker, req): ...\n")
    server = serve("meeting:app", "-k", "gthread", "--threads", "40", cwd=tmp_path)
    clients = [server.client() for _ in range(40)]
    for client in clients:
        client.get("/", close=True)
    for client in clients:
        with client:
            assert client.response().body == b"met"
