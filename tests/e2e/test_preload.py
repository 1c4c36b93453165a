"""--preload: the application is loaded by a mold, and the master stays as it was."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from e2e.server import open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="molds need Linux")

MOLD = re.compile(r"Preloading the application \(pid: (\d+)\)")
#: A file that changes twice within a second looks the same to Python's bytecode cache.
NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}
ANSWER = """
import os
LOADED_IN = os.getpid()
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{version} {{LOADED_IN}} {{os.getpid()}} {{os.getppid()}}".encode()]
"""
THREADS = """
import socket, threading
def begin():
    threading.Thread(target=threading.Event().wait, name="exporter", daemon=True).start()
begin()
database = socket.socketpair()[0]
"""


class Site:
    """A module that changes, and the server that has it preloaded."""

    def __init__(self, folder: Path, serve: Serve) -> None:
        self.module = folder / "preloaded.py"
        self._serve = serve

    def write(self, version: int, more: str = "") -> None:
        self.module.write_text(ANSWER.format(version=version) + more, encoding="ascii")

    def breaks(self) -> None:
        self.module.write_text("import a_module_that_is_not_there", encoding="ascii")

    def start(self, *args: str, tracebacks: bool = False) -> Server:
        return self._serve(
            "preloaded", "--preload", *args,
            cwd=self.module.parent, environment=NO_CACHE, tracebacks=tracebacks,
        )  # fmt: skip


@pytest.fixture
def preloaded(tmp_path: Path, serve: Serve) -> Site:
    site = Site(tmp_path, serve)
    site.write(1)
    return site


def mold_pid(server: Server, number: int = 1) -> int:
    return int(server.log.wait_for(MOLD, number).group(1))


def ask(server: Server) -> tuple[int, int, int, int]:
    """Version, and the processes that loaded the application, run it, and are its parent."""
    status, body = server.get("/")
    assert status == 200, body
    version, loaded_in, run_by, parent = map(int, body.split())
    return version, loaded_in, run_by, parent


def wait_for_reload(server: Server, old: int) -> None:
    """Until the reload is complete and the last worker of before (one that listens) is gone."""
    server.log.wait_for("Reload complete")
    server.log.wait_for(rf"Worker exiting \(pid: {old}\)")


def wait_until_gone(pid: int) -> None:
    """Until a process that is no child of ours has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    ended = poller.poll(PATIENCE * 1000)
    os.close(fd)
    assert ended, f"process {pid} is still there"


def test_a_mold_loads_and_the_workers_are_the_masters(
    args: tuple[str, ...], preloaded: Site
) -> None:
    preloaded.write(1, 'os.write(2, b"app: loaded\\n")')
    server = preloaded.start(*args, "-w", "2")
    mold = mold_pid(server)
    workers = {server.worker_pid(1), server.worker_pid(2)}
    version, loaded_in, run_by, parent = ask(server)
    assert (version, loaded_in, parent) == (1, mold, server.pid)
    assert run_by in workers
    assert server.pid != mold
    assert len(server.log.matching("app: loaded")) == 1


def test_the_master_has_one_thread_whatever_the_application_starts(preloaded: Site) -> None:
    preloaded.write(1, THREADS)
    server = preloaded.start()
    server.worker_pid()
    assert ask(server)[0] == 1
    assert len(os.listdir(f"/proc/{server.pid}/task")) == 1
    assert len(os.listdir(f"/proc/{mold_pid(server)}/task")) == 2
    server.log.wait_for(
        r"\[WARNING\] Preload: thread 'exporter', started at preloaded\.py:\d+ in begin, "
    )
    assert len(server.log.matching(r"Preload: socket \d+, made at preloaded\.py:\d+ in")) == 1


def test_a_reload_is_a_new_mold(args: tuple[str, ...], preloaded: Site) -> None:
    server = preloaded.start(*args)
    first = mold_pid(server)
    version, loaded_in, worker, _ = ask(server)
    assert (version, loaded_in) == (1, first)
    preloaded.write(2)
    server.send(signal.SIGHUP)
    second = mold_pid(server, 2)
    wait_for_reload(server, worker)
    assert ask(server)[:2] == (2, second)
    wait_until_gone(first)
    assert not server.log.matching(r"Mold \(pid")


def test_code_that_does_not_load_changes_nothing(preloaded: Site) -> None:
    server = preloaded.start("--timeout", "0", tracebacks=True)
    first = mold_pid(server)
    worker = ask(server)[2]
    preloaded.breaks()
    server.send(signal.SIGHUP)
    server.log.wait_for(r"\[ERROR\] Exception while preloading the application")
    server.log.wait_for(r"\[ERROR\] Mold \(pid:\d+\) exited with code 3\.")
    # A worker that dies meanwhile is replaced, out of the mold that can.
    os.kill(worker, signal.SIGKILL)
    server.worker_pid(2)
    version, loaded_in, worker, _ = ask(server)
    assert (version, loaded_in) == (1, first)
    # It is tried again, without being told at length again, and one day it loads.
    server.log.wait_for("still cannot be loaded: ModuleNotFoundError: No module named")
    preloaded.write(2)
    wait_for_reload(server, worker)
    assert ask(server)[0] == 2
    assert len(server.log.matching("^Traceback")) == 1


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("import a_module_that_is_not_there", 3, r"Worker failed to boot\."),
        ("applicatio = 1", 4, r"App failed to load\."),
    ],
)
def test_an_application_that_never_loaded_ends_the_server(
    preloaded: Site, code: str, status: int, reason: str
) -> None:
    preloaded.module.write_text(code, encoding="ascii")
    server = preloaded.start("-w", "2", tracebacks=True)
    assert server.wait() == status
    server.log.wait_for(rf"Mold \(pid:{mold_pid(server)}\) exited with code {status}\.")
    server.log.wait_for("Shutting down: Master")
    server.log.wait_for(f"Reason: {reason}")


def test_an_application_that_leaves_while_it_is_loaded(preloaded: Site) -> None:
    preloaded.module.write_text("raise SystemExit(0)", encoding="ascii")
    server = preloaded.start(tracebacks=True)
    server.log.wait_for(r"\[ERROR\] The application left while it was loaded: status 0")
    server.log.wait_for(rf"Mold \(pid:{mold_pid(server)}\) exited with code 0\.")
    preloaded.write(1)
    assert ask(server)[0] == 1


def test_a_mold_that_dies_is_told_and_replaced_when_needed(
    args: tuple[str, ...], preloaded: Site
) -> None:
    server = preloaded.start(*args)
    first = mold_pid(server)
    worker = ask(server)[2]
    os.kill(first, signal.SIGKILL)
    server.log.wait_for(rf"\[WARNING\] Mold \(pid:{first}\) was sent SIGKILL!")
    assert ask(server)[2] == worker
    os.kill(worker, signal.SIGKILL)
    second = mold_pid(server, 2)
    server.worker_pid(2)
    assert ask(server)[1] == second


def test_signals_of_a_terminal_are_the_masters_matter(preloaded: Site) -> None:
    server = preloaded.start("-w", "2")
    mold = mold_pid(server)
    server.worker_pid(2)
    assert ask(server)[0] == 1
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGWINCH, signal.SIGUSR1):
        os.kill(mold, number)
    # Each of them would have ended it before it could do this.
    server.send(signal.SIGTTIN)
    server.worker_pid(3)
    os.killpg(server.pid, signal.SIGINT)
    assert server.wait() == 0
    wait_until_gone(mold)
    assert not server.log.matching(r"Mold \(pid")


def test_mold_and_workers_end_after_a_killed_master(args: tuple[str, ...], preloaded: Site) -> None:
    server = preloaded.start(*args)
    mold, worker = mold_pid(server), ask(server)[2]
    os.kill(server.pid, signal.SIGKILL)
    wait_until_gone(mold)
    wait_until_gone(worker)
    assert server.wait() == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_does_not_wait_for_an_application_that_loads(
    preloaded: Site, fifo: str, number: signal.Signals
) -> None:
    preloaded.write(1, f'os.write(2, b"app: begun\\n")\nopen({fifo!r}, "rb").read()')
    server = preloaded.start()
    server.log.wait_for("app: begun")
    server.send(number)
    assert server.wait() == 0
    wait_until_gone(mold_pid(server))
    with suppress(OSError):  # it has no reader any more
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


def test_two_reloads_while_the_first_still_loads(preloaded: Site, fifo: str) -> None:
    server = preloaded.start()
    worker = ask(server)[2]
    preloaded.write(2, f'os.write(2, b"app: begun\\n")\nopen({fifo!r}, "rb").read()')
    server.send(signal.SIGHUP)
    server.log.wait_for("app: begun")
    preloaded.write(3)
    server.send(signal.SIGHUP)
    wait_for_reload(server, worker)
    assert ask(server)[0] == 3
    assert not server.log.matching(r"Mold \(pid")


def test_a_first_start_that_takes_its_time(preloaded: Site, fifo: str) -> None:
    preloaded.write(1, f'os.write(2, b"app: begun\\n")\nopen({fifo!r}, "rb").read()')
    server = preloaded.start("-w", "2")
    server.log.wait_for("app: begun")
    server.send(signal.SIGTTIN)
    with server.client() as client:
        client.get("/", close=True)
        open_gate(fifo)
        assert client.response().status == 200
    server.worker_pid(3)


HOOKS = """
import os
def told(name, *more):
    os.write(2, f"hook {name} in {os.getpid()} {more}\\n".encode())
def pre_fork(server, worker):
    import preloaded
    told("pre_fork", server.pid, worker.pid, preloaded.LOADED_IN, len(server.LISTENERS))
def post_fork(server, worker):
    told("post_fork", server.pid, os.getppid(), worker.pid == os.getpid())
def child_exit(server, worker):
    told("child_exit", worker.pid)
def on_exit(server):
    told("on_exit", server.app.callable)
"""


def test_hooks_run_where_the_application_is(preloaded: Site, tmp_path: Path) -> None:
    configuration = tmp_path / "hooks.conf.py"
    configuration.write_text(HOOKS, encoding="ascii")
    server = preloaded.start("-c", str(configuration))
    mold, worker = mold_pid(server), ask(server)[2]
    assert server.stop() == 0
    assert [line for line in server.log.rest() if line.startswith("hook ")] == [
        f"hook pre_fork in {mold} ({server.pid}, '[booting]', {mold}, 1)",
        f"hook post_fork in {worker} ({server.pid}, {server.pid}, True)",
        f"hook child_exit in {server.pid} ({worker},)",
        # The mold may have opened files by its process id.
        f"hook child_exit in {server.pid} ({mold},)",
        f"hook on_exit in {server.pid} (None,)",
    ]


def test_a_hook_that_raises_is_told_and_the_server_stays(preloaded: Site, tmp_path: Path) -> None:
    configuration = tmp_path / "hooks.conf.py"
    configuration.write_text(
        "def pre_fork(server, worker):\n    if worker.age == 2: raise ValueError('not today')\n",
        encoding="ascii",
    )
    server = preloaded.start("-c", str(configuration), "-w", "2", tracebacks=True)
    server.log.wait_for(r"\[ERROR\] Cannot fork a worker: the hook pre_fork raised")
    server.worker_pid(2)
    assert ask(server)[0] == 1


def test_moved_log_files_are_opened_anew_for_later_workers(preloaded: Site, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    server = preloaded.start("--access-logfile", str(path))
    worker = ask(server)[2]
    moved = path.rename(tmp_path / "access.log.1")
    server.send(signal.SIGUSR1)
    server.log.wait_for("Handling signal: usr1")
    os.kill(worker, signal.SIGKILL)
    server.worker_pid(2)
    assert ask(server)[0] == 1
    assert server.stop() == 0
    # The line of the killed worker is in either file: the master may have had to write it.
    both = [each.read_text(encoding="ascii").count("GET / ") for each in (moved, path)]
    assert both in ([1, 1], [0, 2])


def test_workers_with_sockets_of_their_own(args: tuple[str, ...], preloaded: Site) -> None:
    server = preloaded.start(*args, "--reuse-port", "-w", "2")
    server.worker_pid(2)
    assert ask(server)[0] == 1
    server.send(signal.SIGTTIN)
    server.worker_pid(3)
    assert ask(server)[0] == 1


def test_recycled_workers_come_out_of_the_mold(args: tuple[str, ...], preloaded: Site) -> None:
    server = preloaded.start(*args, "--max-requests", "2")
    mold = mold_pid(server)
    seen = {ask(server)[1:3] for _ in range(2)}
    assert len(seen) == 1
    server.worker_pid(2)
    server.log.wait_for(rf"Worker exiting \(pid: {seen.pop()[1]}\)")
    assert ask(server)[1] == mold


def test_an_application_that_leaves_nothing_behind_is_warned_of_nothing(serve: Serve) -> None:
    server = serve("site_app", "--preload")
    assert server.get("/") == (200, b"hello")
    assert not server.log.matching("WARNING")


GAUGE = """
from prometheus_client import CollectorRegistry, Gauge, generate_latest, multiprocess

LOADED = Gauge("loaded", "processes that loaded it and live", multiprocess_mode="livesum")
LOADED.set(1)

def application(environ, start_response):
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    start_response("200 OK", [])
    return [generate_latest(registry)]
"""
MARKING = """
from prometheus_client import multiprocess

def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
    server.log.info("marked %s", worker.pid)
"""


def test_gauges_of_molds_that_have_ended_are_gone(
    serve: Serve, preloaded: Site, tmp_path: Path
) -> None:
    """As prometheus_client has it: `child_exit` is told of each process that has files."""
    pytest.importorskip("prometheus_client")
    preloaded.module.write_text(GAUGE, encoding="ascii")
    (tmp_path / "gunicorn.conf.py").write_text(MARKING, encoding="ascii")
    server = serve(
        "preloaded", "--preload", cwd=tmp_path, environment={"PROMETHEUS_MULTIPROC_DIR": "."}
    )
    assert server.get("/")[0] == 200
    for reload in (1, 2, 3):
        server.send(signal.SIGHUP)
        server.log.wait_for("Reload complete", reload)
        server.log.wait_for(f"marked {mold_pid(server, reload)}$")
    assert b"\nloaded 1.0\n" in server.get("/")[1]
