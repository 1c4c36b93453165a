"""Workers and masters change while the server serves: USR2, drain_delay, age, deploys."""

from __future__ import annotations

import os
import re
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from e2e.server import READY_CONF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Self

    from e2e.server import Serve, Server

NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}
ANSWER = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [{!r}]
"""


class Asker:
    """Asks almost without a pause, each time on a new connection, and keeps what came."""

    def __init__(self, server: Server, path: str = "/") -> None:
        self._server = server
        self._path = path
        self.answers: list[tuple[int, bytes]] = []
        self.failure: OSError | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        try:
            while not self._stop.wait(0.001):
                self.answers.append(self._server.get(self._path))
        except OSError as error:
            self.failure = error


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def new_master(server: Server) -> int:
    return int(server.log.wait_for(r"New master with pid: (\d+)").group(1))


def boots_of(server: Server, count: int) -> list[int]:
    return [server.worker_pid(number) for number in range(1, count + 1)]


@pytest.fixture(params=["shared", "reuse_port"])
def sharing(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Shared sockets, or one set for each worker."""
    return ("--reuse-port",) if request.param == "reuse_port" else ()


@pytest.fixture
def successors() -> Iterator[list[int]]:
    """Masters that a test had executed: ended when it is over, however it went."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGTERM)


def test_usr2_exchanges_the_master(
    sharing: tuple[str, ...], serve: Serve, tmp_path: Path, successors: list[int]
) -> None:
    pidfile = tmp_path / "server.pid"
    old = serve("site_app", "-w", "2", "--pid", str(pidfile), *sharing)
    boots_of(old, 2)
    with Asker(old) as asker:
        old.send(signal.SIGUSR2)
        successor = new_master(old)
        successors.append(successor)
        boots_of(old, 4)
        assert pidfile.read_text(encoding="ascii").strip() == str(old.pid)
        assert (tmp_path / "server.pid.2").read_text(encoding="ascii").strip() == str(successor)
        # Its first answer: its workers serve.
        old.log.wait_for(rf"\[{successor}\] \[INFO\] Using worker: sync")
        old.send(signal.SIGUSR2)
        old.log.wait_for("USR2 is ignored: the new master")
        old.send(signal.SIGTERM)
        old.log.wait_for(rf"\[{successor}\] \[INFO\] Master has been promoted\.")
        old.log.wait_for(rf"\[{old.pid}\] \[INFO\] Shutting down: Master")
        assert asker.answers
    assert asker.failure is None
    assert set(asker.answers) == {(200, b"hello")}
    assert pidfile.read_text(encoding="ascii").strip() == str(successor)
    assert not (tmp_path / "server.pid.2").exists()
    assert old.get("/") == (200, b"hello")
    os.kill(successor, signal.SIGTERM)
    old.log.wait_for(rf"\[{successor}\] \[INFO\] Shutting down: Master")


def test_a_unix_socket_survives_the_exchange(
    serve: Serve, short_tmp: str, successors: list[int]
) -> None:
    path = f"{short_tmp}/s"
    old = serve("site_app", bind=(f"unix:{path}",))
    old.worker_pid(1)
    old.send(signal.SIGUSR2)
    successor = new_master(old)
    successors.append(successor)
    old.worker_pid(2)
    old.send(signal.SIGTERM)
    old.log.wait_for("Master has been promoted")
    assert os.path.exists(path)
    os.kill(successor, signal.SIGTERM)
    old.log.wait_for(rf"\[{successor}\] \[INFO\] Shutting down: Master")
    assert not os.path.exists(path)


def test_a_new_master_that_fails_leaves_the_old_one_alone(serve: Serve, tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text(ANSWER.format(b"1"), encoding="ascii")
    server = serve("changing", cwd=tmp_path, tracebacks=True, environment=NO_CACHE)
    assert server.get("/") == (200, b"1")
    module.write_text("raise ValueError('broken')", encoding="ascii")
    server.send(signal.SIGUSR2)
    server.log.wait_for(rf"The new master \(pid:{new_master(server)}\) has ended \(exit code 3\)")
    assert server.get("/") == (200, b"1")
    module.write_text(ANSWER.format(b"2"), encoding="ascii")
    server.send(signal.SIGUSR2)
    server.log.wait_for("New master with pid", 2)


def test_a_program_that_cannot_be_executed(serve: Serve, tmp_path: Path) -> None:
    config = tmp_path / "hooked.py"
    config.write_text("def pre_exec(server): raise RuntimeError('not now')", encoding="ascii")
    server = serve("site_app", "-c", str(config), tracebacks=True)
    server.worker_pid(1)
    server.send(signal.SIGUSR2)
    server.log.wait_for("Cannot execute the new master")
    server.log.wait_for("The new master .* has ended")
    assert server.get("/") == (200, b"hello")


def test_drain_delay_serves_on(serve: Serve) -> None:
    server = serve("site_app", "--drain-delay", "300")
    assert server.get("/") == (200, b"hello")
    server.send(signal.SIGTERM)
    server.log.wait_for("Serving for 300 s more")
    assert server.get("/") == (200, b"hello")
    # A worker that dies meanwhile is replaced; a second signal ends the wait.
    os.kill(server.worker_pid(1), signal.SIGKILL)
    server.worker_pid(2)
    assert server.get("/") == (200, b"hello")
    assert server.stop(signal.SIGTERM) == 0


def test_drain_delay_ends_by_itself(serve: Serve) -> None:
    server = serve("site_app", "--drain-delay", "0.2")
    server.worker_pid(1)
    server.send(signal.SIGTERM)
    server.log.wait_for("Shutting down: Master")


def test_workers_of_an_age_are_replaced(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "-w", "2", "--worker-max-age", "0.5")
    with Asker(server) as asker:
        for pid in boots_of(server, 2):
            server.log.wait_for(rf"Worker \(pid:{pid}\) is to be replaced: time to live")
            server.log.wait_for(rf"Worker exiting \(pid: {pid}\)")
    assert asker.failure is None
    assert set(asker.answers) == {(200, b"hello")}


#: Said by the master alone, so that the order is that of what it does.
COMING_AND_GOING = """
def pre_fork(server, worker): server.log.info("hook: comes")
def child_exit(server, worker): server.log.info("hook: gone")
"""


@pytest.mark.parametrize("strategy", ["rolling", "all"])
def test_a_reload_with_each_strategy(
    strategy: str, sharing: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    conf = tmp_path / "hooks.conf.py"
    conf.write_text(READY_CONF.read_text(encoding="ascii") + COMING_AND_GOING, encoding="ascii")
    options = ("-w", "3", "-c", str(conf), "--reload-strategy", strategy, *sharing)
    server = serve("site_app", *options)
    server.ready(3)
    with Asker(server) as asker:
        server.send(signal.SIGHUP)
        server.log.wait_for("Reload complete: 3 workers serve, generation 2")
        server.log.wait_for("hook: gone", 3)
    assert asker.failure is None
    assert set(asker.answers) == {(200, b"hello")}
    told = [line.rpartition(" ")[2] for line in server.log.matching("hook: ")]
    if strategy == "all":
        assert told[:6] == ["comes"] * 6
    else:
        # One comes, one goes: the third new one not before the first old one has left.
        assert told.index("gone") < 5


def test_loading_for_too_long(serve: Serve, tmp_path: Path) -> None:
    module = tmp_path / "slow.py"
    module.write_text(ANSWER.format(b"1"), encoding="ascii")
    server = serve(
        "slow", "--boot-timeout", "0.5", cwd=tmp_path, tracebacks=True, environment=NO_CACHE
    )
    assert server.get("/") == (200, b"1")
    module.write_text("import time\ntime.sleep(1000)", encoding="ascii")
    server.send(signal.SIGHUP)
    booting = server.worker_pid(2)
    server.log.wait_for(rf"Worker \(pid:{booting}\) has not loaded .* 0\.5 s \(boot_timeout\)")
    assert server.get("/") == (200, b"1")
    module.write_text(ANSWER.format(b"2"), encoding="ascii")
    server.log.wait_for(rf"Worker exiting \(pid: {server.worker_pid(1)}\)")
    assert server.get("/") == (200, b"2")


#: It makes the master look again and again before its loop has given a sign of life.
LATE = """
import time
from licorne.workers.sync import SyncWorker

class Late(SyncWorker):
    def run(self):
        for _ in range(4):
            time.sleep(0.05)
            self.wake_master()
        super().run()
"""


def test_timeout_does_not_count_while_an_application_loads(serve: Serve, tmp_path: Path) -> None:
    # Longer than `timeout`.
    (tmp_path / "slow.py").write_text(
        "import time\ntime.sleep(2.5)\n" + ANSWER.format(b"1"), encoding="ascii"
    )
    (tmp_path / "kind.py").write_text(LATE, encoding="ascii")
    server = serve("slow", "-k", "kind.Late", "--timeout", "2", cwd=tmp_path)
    assert server.get("/") == (200, b"1")
    assert not server.log.matching("WORKER TIMEOUT")
    assert len(server.log.matching("Booting worker")) == 1


def test_a_release_behind_a_symlink(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    """The deploys that switch a link and send HUP; the old release may be gone by then."""
    for number in (1, 2):
        release = tmp_path / f"release-{number}"
        release.mkdir()
        (release / "shop.py").write_text(ANSWER.format(b"%d" % number), encoding="ascii")
    current = tmp_path / "current"
    current.symlink_to("release-1")
    server = serve(
        "shop", *args, cwd=current, environment={**NO_CACHE, "PWD": str(current)}
    )  # fmt: skip
    assert server.get("/") == (200, b"1")
    current.unlink()
    current.symlink_to("release-2")
    for path in (tmp_path / "release-1").iterdir():
        path.unlink()
    (tmp_path / "release-1").rmdir()
    server.send(signal.SIGHUP)
    server.log.wait_for(rf"Worker exiting \(pid: {server.worker_pid(1)}\)")
    assert server.get("/") == (200, b"2")


def test_broken_code_is_told_once(serve: Serve, tmp_path: Path) -> None:
    module = tmp_path / "changing.py"
    module.write_text(ANSWER.format(b"1"), encoding="ascii")
    server = serve("changing", cwd=tmp_path, tracebacks=True, environment=NO_CACHE)
    assert server.get("/") == (200, b"1")
    module.write_text("import a_module_that_is_not_there", encoding="ascii")
    server.send(signal.SIGHUP)
    server.log.wait_for(r"exited with code 3\.", 4)
    assert len(server.log.matching(r"^Traceback")) == 1
    assert server.log.matching("fails to load as before: ModuleNotFoundError: No module named")
    module.write_text("import another_module_that_is_not_there", encoding="ascii")
    server.log.wait_for("^ModuleNotFoundError: No module named 'another_module")
    assert len(server.log.matching(r"^Traceback")) == 2
    assert server.get("/") == (200, b"1")


def test_the_order_of_the_first_lines_of_a_second_master(
    serve: Serve, successors: list[int]
) -> None:
    old = serve("site_app", "-n", "shop")
    old.worker_pid(1)
    old.send(signal.SIGUSR2)
    successor = new_master(old)
    successors.append(successor)
    old.worker_pid(2)
    said = [line for line in old.log.all() if f"[{successor}]" in line]
    found = [re.sub(r"^.*\[INFO\] ", "", line) for line in said]
    assert found[0].startswith("Starting licorne")
    assert found[1] == f"Listening at: {old.url} ({successor})"
    os.kill(successor, signal.SIGTERM)
    old.log.wait_for(rf"\[{successor}\] \[INFO\] Shutting down: Master\.2")
    old.log.wait_for(r"The new master .* has ended \(ended by itself\)")
    assert old.get("/") == (200, b"hello")
