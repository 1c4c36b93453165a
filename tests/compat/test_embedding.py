"""Programs that embed gunicorn with an arbiter of their own, as public projects write them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

#: An application, and what makes a server of it.
RECIPE = """
import licorne.aliases
licorne.aliases.install()

import os
import signal
import sys

import gunicorn.app.base
from gunicorn.arbiter import Arbiter

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]

class Standalone(gunicorn.app.base.BaseApplication):
    def __init__(self, **options):
        self.options = {"bind": "127.0.0.1:0", **options}
        super().__init__()

    def load_config(self):
        for key, value in self.options.items():
            self.cfg.set(key, value)

    def load(self):
        return application
"""


def run(serve: Serve, folder: Path, program: str) -> Server:
    (folder / "program.py").write_text(RECIPE + program)
    return serve("", cwd=folder, bind=(), program=("program.py",))


HANDLERS = """
class Told(Arbiter):
    def handle_hup(self):
        self.log.info("before hup")
        super().handle_hup()

    def handle_winch(self):
        self.handle_ttin()

    def handle_usr2(self):
        self.handle_term()

    def handle_chld(self, sig, frame):
        raise AssertionError("gunicorn calls it with and without arguments, by its version")

class Server(Standalone):
    def run(self):
        Told(self).run()

Server(workers=1).run()
"""


def test_handlers_of_signals_can_be_overridden_and_called(serve: Serve, tmp_path: Path) -> None:
    server = run(serve, tmp_path, HANDLERS)
    server.worker_pid(1)
    server.send(signal.SIGHUP)
    server.log.wait_for("before hup")
    server.log.wait_for("Handling signal: hup")
    server.worker_pid(2)
    server.send(signal.SIGWINCH)
    server.log.wait_for("Handling signal: ttin")
    server.worker_pid(3)
    server.send(signal.SIGUSR2)
    assert server.wait() == 0
    assert any("Handling signal: term" in line for line in server.log.rest())


def test_the_old_forms_of_a_handler_that_stops(serve: Serve, tmp_path: Path) -> None:
    """gunicorn's own handler of TERM raises StopIteration, and some write it out."""
    program = """
class Stopping(Arbiter):
    def init_signals(self):
        super().init_signals()
        self.SIG_QUEUE = []

    def signal(self, sig, frame):
        self.SIG_QUEUE.append(sig)
        self.wakeup()

    def handle_term(self):
        raise StopIteration

Stopping(Standalone(workers=1)).run()
"""
    server = run(serve, tmp_path, program)
    server.worker_pid(1)
    assert server.stop(signal.SIGTERM) == 0


def test_a_handler_in_the_place_of_the_loops(serve: Serve, tmp_path: Path) -> None:
    """A worker that cannot begin ends the master with a status, through USR1."""
    program = """
class Ending(Arbiter):
    def init_signals(self):
        super().init_signals()
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.siginterrupt(signal.SIGUSR1, True)

    def handle_usr1(self, sig, frame):
        os._exit(7)

def post_fork(server, worker):
    worker.app.callable = application
    os.kill(os.getppid(), signal.SIGUSR1)

class Server(Standalone):
    def load(self):
        raise AssertionError("post_fork has given the application")

    def run(self):
        Ending(self).run()

Server(post_fork=post_fork).run()
"""
    server = run(serve, tmp_path, program)
    assert server.wait() == 7


#: The way of Airflow's API server: begin one above the number, then end one of the old ones.
REFRESH = """
class Refreshing(Arbiter):
    old = None

    def manage_workers(self):
        super().manage_workers()
        if self.old is None and os.path.exists("refresh"):
            self.old = set(self.WORKERS)
        if not self.old:
            return
        self.old &= set(self.WORKERS)
        count = len(self.WORKERS)
        if count < self.num_workers + 1:
            self.spawn_worker()
        if count > self.num_workers:
            oldest = sorted(
                (worker.age, pid) for pid, worker in self.WORKERS.items() if pid in self.old
            )
            for _, pid in oldest[:1]:
                self.log.info("REFRESH ends %s", pid)
                self.kill_worker(pid, signal.SIGTERM)
                self.old.discard(pid)

class Server(Standalone):
    def run(self):
        Refreshing(self).run()

Server(workers=2, timeout={timeout}, preload_app={preload}).run()
"""


@pytest.mark.parametrize(("timeout", "preload"), [(30, False), (0, False), (30, True)])
def test_an_arbiter_that_replaces_its_workers(
    serve: Serve, tmp_path: Path, timeout: int, preload: bool
) -> None:
    server = run(serve, tmp_path, REFRESH.format(timeout=timeout, preload=preload))
    first = {server.worker_pid(1), server.worker_pid(2)}
    assert int(server.get("/")[1]) in first
    (tmp_path / "refresh").touch()
    for pid in first:
        server.gone(pid)
    server.worker_pid(4)
    assert int(server.get("/")[1]) not in first
    assert server.stop() == 0
    # A mold takes its time to fork, in which the arbiter may ask for one more.
    assert len(server.log.matching("Booting worker")) <= (5 if preload else 4)


@pytest.mark.parametrize("place", ["gunicorn.app.base", "gunicorn.arbiter"])
def test_a_configuration_that_puts_its_arbiter_in_place(
    serve: Serve, tmp_path: Path, place: str
) -> None:
    (tmp_path / "site_app.py").write_text(
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'one']\n"
    )
    (tmp_path / "gunicorn.conf.py").write_text(
        "import gunicorn.app.base\n"
        "import gunicorn.arbiter\n"
        "class Named(gunicorn.arbiter.Arbiter):\n"
        "    def start(self):\n"
        "        self.log.info('NAMED starts')\n"
        "        super().start()\n"
        f"{place}.Arbiter = Named\n"
    )
    server = serve("site_app:app", cwd=tmp_path)
    assert server.get("/") == (200, b"one")
    assert server.log.matching("NAMED starts")


def test_a_thread_that_stops_the_server(serve: Serve, tmp_path: Path) -> None:
    program = """
import threading

class Stoppable(Standalone):
    def __init__(self, **options):
        super().__init__(**options)
        self.arbiter = Arbiter(self)

    def stop(self):
        open("stop").read()
        self.arbiter.signal(signal.SIGINT, None)

# Without `timeout` nothing else wakes the loop.
server = Stoppable(workers=1, timeout=0)
os.mkfifo("stop")
threading.Thread(target=server.stop, daemon=True).start()
server.arbiter.run()
"""
    server = run(serve, tmp_path, program)
    server.get("/")
    server.control_socket()
    (tmp_path / "stop").write_text("now")
    assert server.wait() == 0
    assert any("Handling signal: int" in line for line in server.log.rest())


def test_a_server_in_a_process_of_multiprocessing(serve: Serve, tmp_path: Path) -> None:
    program = """
from multiprocessing import Process

arbiter = Arbiter(Standalone(worker_class="sync", timeout=2))
process = Process(target=arbiter.run)
process.start()
print(arbiter.address[0][0], process.pid, flush=True)
process.join()
sys.exit(process.exitcode)
"""
    server = run(serve, tmp_path, program)
    pid = int(server.output.wait_for(r"127\.0\.0\.1 (\d+)").group(1))
    assert int(server.get("/")[1]) == server.worker_pid(1)
    os.kill(pid, signal.SIGTERM)
    assert server.wait() == 0


OWN_NUMBER = """
class Numbered(Arbiter):
    def setup(self, app):
        super().setup(app)
        self.num_workers = 2

Numbered(Standalone(workers=1)).run()
"""


def test_a_number_of_workers_said_in_setup(serve: Serve, tmp_path: Path) -> None:
    server = run(serve, tmp_path, OWN_NUMBER)
    server.control_socket()
    assert int(server.get("/")[1]) in {server.worker_pid(1), server.worker_pid(2)}
    server.send(signal.SIGHUP)
    server.log.wait_for("Reload complete: 2 workers serve")


def test_an_application_without_the_constructor_of_its_base(serve: Serve, tmp_path: Path) -> None:
    program = """
class Bare(gunicorn.app.base.BaseApplication):
    def __init__(self):
        self.usage = self.callable = self.prog = None
        self.do_load_config()

    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:0")

    def load(self):
        return application

    def start(self):
        self.run()

Bare().start()
"""
    server = run(serve, tmp_path, program)
    assert int(server.get("/")[1]) == server.worker_pid(1)
    server.send(signal.SIGHUP)
    server.log.wait_for("Reload complete")


def test_a_signal_taken_from_the_list(serve: Serve, tmp_path: Path) -> None:
    program = """
Arbiter.SIGNALS.remove(signal.SIGHUP)
signal.signal(signal.SIGHUP, lambda sig, frame: os.write(2, b"MINE\\n"))
assert Arbiter.SIG_NAMES[signal.SIGCHLD] == "chld"
arbiter = Arbiter(Standalone(workers=1))
arbiter.systemd = False
arbiter.reexec_pid = 0
arbiter.run()
"""
    server = run(serve, tmp_path, program)
    server.get("/")
    server.send(signal.SIGHUP)
    server.log.wait_for("^MINE$")
    assert server.get("/")[0] == 200
    assert not server.log.matching("Handling signal: hup")


def test_workers_that_an_arbiter_forks_by_itself_are_refused(serve: Serve, tmp_path: Path) -> None:
    program = """
class Forking(Arbiter):
    def spawn_worker(self):
        self.worker_age += 1
        half = self.timeout / 2
        worker = self.worker_class(
            self.worker_age, self.pid, self.LISTENERS, self.app, half, self.cfg, self.log
        )
        pid = os.fork()
        if pid != 0:
            worker.pid = pid
            self.WORKERS[pid] = worker
            return pid
        worker.pid = os.getpid()
        worker.init_process()
        sys.exit(0)

Forking(Standalone(workers=2)).run()
"""
    server = run(serve, tmp_path, program)
    assert server.wait() == 1
    assert server.log.matching(r"__main__\.Forking\.spawn_worker forks workers that the server")


def test_an_arbiter_that_extends_the_fork(serve: Serve, tmp_path: Path) -> None:
    program = """
class Telling(Arbiter):
    def spawn_worker(self):
        pid = super().spawn_worker()
        self.log.info("FORKED %s", pid in self.WORKERS)
        return pid

Telling(Standalone(workers=1)).run()
"""
    server = run(serve, tmp_path, program)
    server.log.wait_for("FORKED True")
    assert server.get("/")[0] == 200


def test_a_default_changed_on_the_class(serve: Serve, tmp_path: Path) -> None:
    program = """
import gunicorn.config
gunicorn.config.WorkerClass.default = "gthread"
gunicorn.config.Workers.default = 2
application_ = Standalone()
application_.cfg.settings["threads"] = gunicorn.config.WorkerThreads()
application_.cfg.settings["threads"].set(3)
assert application_.cfg.threads == 3
try:
    gunicorn.config.Workers.cli = ["--processes"]
except AttributeError as error:
    print("REFUSED", error, flush=True)
Arbiter(application_).run()
"""
    server = run(serve, tmp_path, program)
    server.output.wait_for("REFUSED Workers.cli cannot be changed")
    server.log.wait_for("Using worker: gthread")
    server.worker_pid(2)
    assert server.get("/")[0] == 200


#: Found in several public projects: each worker has the lowest number that is free.
NUMBERS = """
import os

def nworkers_changed(server, new, old):
    server.most = new

def pre_fork(server, worker):
    used = {each.number for each in list(server.WORKERS.values()) if each.alive}
    worker.number = min(set(range(1, server.most + 1)) - used)

def post_fork(server, worker):
    worker.log.info("NUMBER %s", worker.number)
"""


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_a_recipe_that_numbers_its_workers(
    serve: Serve, tmp_path: Path, preload: tuple[str, ...]
) -> None:
    (tmp_path / "numbers.conf.py").write_text(NUMBERS)
    (tmp_path / "numbered.py").write_text(
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'one']\n"
    )
    server = serve(
        "numbered:app", "-c", "numbers.conf.py", "-w", "2", "--max-requests", "3", *preload,
        cwd=tmp_path,
    )  # fmt: skip
    server.log.wait_for("NUMBER", 2)
    assert sorted(line[-1] for line in server.log.matching("NUMBER")) == ["1", "2"]
    # One is replaced, and its number is free.
    for _ in range(5):
        assert server.get("/") == (200, b"one")
    server.log.wait_for("NUMBER", 3)
    server.send(signal.SIGTTIN)
    server.log.wait_for("NUMBER 3")
