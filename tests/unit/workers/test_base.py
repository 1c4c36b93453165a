"""gunicorn's contract of a worker."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from licorne.app.base import BaseApplication
from licorne.config import Config
from licorne.glogging import Logger
from licorne.http.errorpage import page
from licorne.workers import SUPPORTED_WORKERS
from licorne.workers.base import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

# pytest-xdist's workers have a thread; what is forked here does not touch it.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def wsgi(_environ: object, _start_response: object) -> list[bytes]:
    return [b"x"]


class Site(BaseApplication):
    def load_config(self) -> None:
        self.cfg.set("worker_int", note("int"))
        self.cfg.set("worker_abort", note("abort"))
        self.cfg.set("post_worker_init", note("init"))
        self.cfg.set("raw_env", ["LICORNE_TEST=1"])

    def load(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return wsgi


notes: list[str] = []


def note(name: str) -> Callable[[object], None]:
    return lambda _worker: notes.append(name)


class Board:
    """What a worker tells its master."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int]] = []

    def beat(self, slot: int) -> None:
        self.said.append(("beat", slot))

    def mark_ready(self, slot: int) -> None:
        self.said.append(("ready", slot))

    def breakpoint_hook(
        self, _slot: int, _tell: Callable[[], None], usual: Callable[[], object]
    ) -> Callable[[], object]:
        return usual


def made(kind: type[Worker] = Worker, **settings: object) -> Worker:
    site = Site()
    for name, value in settings.items():
        site.cfg.set(name, value)
    worker = kind(3, 1, [], site, 15.0, site.cfg, Logger(site.cfg))
    notes.clear()
    return worker


def test_attributes() -> None:
    worker = made()
    assert (worker.age, worker.ppid, worker.timeout, worker.nr) == (3, 1, 15.0, 0)
    assert worker.pid == "[booting]"
    assert worker.alive
    assert not worker.booted
    assert not worker.aborted
    assert worker.max_requests == sys.maxsize
    assert str(worker) == "<Worker [booting]>"
    assert SUPPORTED_WORKERS["sync"] == "licorne.workers.sync.SyncWorker"


def test_max_requests_with_jitter() -> None:
    drawn = {made(max_requests=100, max_requests_jitter=5).max_requests for _ in range(200)}
    assert drawn == set(range(100, 106))
    assert made(max_requests=0, max_requests_jitter=5).max_requests == sys.maxsize


def in_a_child(check: Callable[[], bool]) -> bool:
    """Run in a process of its own: signals and identity are changed there."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


class Noting(Worker):
    def run(self) -> None:
        notes.append("run")
        self.notify()


def test_becoming_a_worker() -> None:
    def check() -> bool:
        worker = made(Noting)
        board = Board()
        worker.scoreboard = board  # type: ignore[assignment]
        worker.slot = 7
        reader, worker.wakeup_fd = os.pipe()
        worker.init_process()
        return (
            notes == ["init", "run"]
            and worker.booted
            and worker.wsgi is wsgi
            # Its loop runs: only now it is known to serve.
            and board.said == [("beat", 7), ("ready", 7)]
            and os.read(reader, 9) == b"\0"
            and os.environ["LICORNE_TEST"] == "1"
            and len(worker.PIPE) == 2
            and worker.wait_fds == [worker.PIPE[0]]
            and signal.getsignal(signal.SIGTERM) == worker.handle_exit
            and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
        )

    assert in_a_child(check)


@pytest.mark.parametrize(
    ("name", "noted", "code"), [("QUIT", "int", 0), ("INT", "int", 0), ("ABRT", "abort", 1)]
)
def test_signals_that_end_a_worker(name: str, noted: str, code: int) -> None:
    def check() -> bool:
        worker = made()
        worker.init_signals()
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(getattr(signal, f"SIG{name}"))
        return ended.value.code == code and notes == [noted] and not worker.alive

    assert in_a_child(check)


def test_signals_that_do_not() -> None:
    def check() -> bool:
        worker = made()
        worker.init_signals()
        for each in (signal.SIGUSR1, signal.SIGWINCH):
            signal.raise_signal(each)
        alive = worker.alive
        signal.raise_signal(signal.SIGTERM)
        return alive and not worker.alive and notes == []

    assert in_a_child(check)


def test_a_foreign_loop_that_beats_is_ready() -> None:
    worker = made()
    board = Board()
    worker.scoreboard = board  # type: ignore[assignment]
    worker.notify()
    worker.tmp.notify()
    assert board.said == [("beat", 0), ("ready", 0), ("beat", 0)]


def test_to_be_ready_is_a_sign_of_life() -> None:
    worker = made()
    board = Board()
    worker.scoreboard = board  # type: ignore[assignment]
    worker.mark_ready()
    assert board.said == [("beat", 0), ("ready", 0)]


def test_without_a_master_nothing_is_told() -> None:
    worker = made()
    worker.notify()
    worker.mark_ready()
    worker.tmp.close()


def fill(pipe: int) -> None:
    while True:
        os.write(pipe, b"x" * 65536)


def test_a_full_wakeup_pipe_is_enough() -> None:
    worker = made()
    reader, worker.wakeup_fd = os.pipe()
    os.set_blocking(worker.wakeup_fd, False)
    with pytest.raises(BlockingIOError):
        fill(worker.wakeup_fd)
    worker.mark_ready()
    os.close(reader)
    worker.mark_ready()
    os.close(worker.wakeup_fd)


def test_run_is_for_subclasses() -> None:
    with pytest.raises(NotImplementedError):
        made().run()


def test_the_error_page() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made().handle_error(None, ours, ("127.0.0.1", 1), ValueError("secret"))
        ours.close()
        answer = theirs.recv(4096)
        assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n")
        assert b"<h1><p>Internal Server Error</p></h1>" in answer
        assert b"secret" not in answer
        theirs.close()
    made().handle_error(None, ours, ("127.0.0.1", 1), ValueError("client is gone"))
    assert b"&lt;b&gt;" in page(400, "Bad Request", "<b>")


def test_config_of_the_worker_is_the_applications() -> None:
    assert isinstance(made().cfg, Config)
