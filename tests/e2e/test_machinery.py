"""The process itself: background, pid file, identity, environment, names, output."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.server import APPS
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
UNPRIVILEGED = 65534


def facts(answer: tuple[int, bytes]) -> dict[str, str]:
    """What apps/identity_app.py tells."""
    status, body = answer
    assert status == 200, body
    return dict(line.partition(" ")[::2] for line in body.decode().splitlines())


class Daemon:
    """A server in the background: what it says, it says through a pipe from a hook."""

    HOOK = """
import os
def when_ready(server):
    print("said to standard output", flush=True)
    with open({fifo!r}, "w") as pipe:
        pipe.write(f"{{os.getpid()}} {{server.LISTENERS[0].getsockname()[1]}}")
"""

    def __init__(self, folder: Path, *words: str) -> None:
        self.pidfile = folder / "d.pid"
        self.log = folder / "d.log"
        self.output = folder / "d.out"
        fifo = folder / "ready"
        os.mkfifo(fifo)
        (folder / "c.py").write_text(self.HOOK.format(fifo=str(fifo)), encoding="ascii")
        start = [sys.executable, "-m", "licorne", "-D", "-b", "127.0.0.1:0", "-c"]
        start += [str(folder / "c.py"), "-p", str(self.pidfile), *words, "identity_app"]
        with self.output.open("wb") as output:
            self.started = subprocess.run(
                start, cwd=APPS, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
        self.pid, self.port = map(int, fifo.read_text(encoding="ascii").split())
        self._end = os.pidfd_open(self.pid)

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        signal.pidfd_send_signal(self._end, signal.SIGTERM)
        assert select.select([self._end], [], [], PATIENCE)[0]

    def close(self) -> None:
        """Leave nothing behind."""
        if not select.select([self._end], [], [], 0)[0]:
            os.killpg(os.getpgid(self.pid), signal.SIGKILL)
        os.close(self._end)


@pytest.fixture
def daemon(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    made = Daemon(tmp_path, *getattr(request, "param", ()))
    yield made
    made.close()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open")
class TestDaemon:
    """`-D`."""

    def test_it_leaves_terminal_and_parent(self, daemon: Daemon) -> None:
        assert daemon.started.returncode == 0
        assert daemon.pidfile.read_text(encoding="ascii") == f"{daemon.pid}\n"
        with Client.tcp(daemon.port) as client:
            client.get("/", close=True)
            told = facts((200, client.response().body))
        session = int(told["session"])
        assert session != os.getsid(0)
        # Not its leader: it can never get a terminal again.
        assert session not in {daemon.pid, int(told["parent"])}
        assert (told["parent"], told["umask"]) == (str(daemon.pid), oct(0o022))
        for fd in range(3):
            assert Path(f"/proc/{daemon.pid}/fd/{fd}").readlink() == Path("/dev/null")
        daemon.stop()
        assert not daemon.pidfile.exists()
        assert daemon.output.read_bytes() == b""

    @pytest.mark.parametrize("daemon", [("-R",)], indirect=True)
    def test_it_may_keep_its_output(self, daemon: Daemon) -> None:
        daemon.stop()
        text = daemon.output.read_text(encoding="utf-8")
        assert "said to standard output" in text
        assert "Shutting down: Master" in text


def test_the_environment(serve: Serve, tmp_path: Path) -> None:
    words = ("-e", "A_VARIABLE=one=1", "--pythonpath", f"{tmp_path},{APPS}")
    server = serve("identity_app", "--chdir", str(tmp_path), *words, cwd=Path("/"))
    told = facts(server.get("/"))
    assert (told["variable"], told["cwd"]) == ("one=1", str(tmp_path))


@AS_ROOT
def test_user_and_group(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("identity_app", *args, "-u", str(UNPRIVILEGED), "-g", str(UNPRIVILEGED))
    told = facts(server.get("/"))
    assert (told["uid"], told["gid"]) == (str(UNPRIVILEGED), str(UNPRIVILEGED))
    # The master keeps its user, and may end a worker of another user.
    assert Path(f"/proc/{server.pid}").stat().st_uid == 0


@AS_ROOT
@pytest.mark.parametrize("user", [UNPRIVILEGED, 54321])
def test_initgroups(serve: Serve, user: int) -> None:
    """The groups of the user in place of root's; a number without a name has none to give."""
    server = serve("identity_app", "-u", str(user), "-g", str(UNPRIVILEGED), "--initgroups")
    told = facts(server.get("/"))
    assert (told["uid"], told["gid"]) == (str(user), str(UNPRIVILEGED))
    if user == UNPRIVILEGED:
        assert told["groups"] == str(UNPRIVILEGED)


def test_names_in_ps(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("setproctitle")
    configuration = tmp_path / "c.py"
    configuration.write_text("proc_name = 'first'", encoding="ascii")
    # Where there is room for a name was found when the process was executed.
    server = serve("identity_app", "-c", str(configuration), executed=True)
    server.get("/")
    assert title(server.pid) == "licorne: master [first]"
    assert title(server.worker_pid()) == "licorne: worker [first]"
    configuration.write_text("proc_name = 'second'", encoding="ascii")
    server.send(signal.SIGHUP)
    assert title(server.worker_pid(2)) in {"licorne: worker [second]", "licorne: master [second]"}
    assert title(server.pid) == "licorne: master [second]"


def title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").strip("\0").strip()


@pytest.mark.parametrize("captured", [True, False])
def test_capture_output(serve: Serve, tmp_path: Path, fifo: str, captured: bool) -> None:
    """What is written to the descriptor goes where the log goes, wherever it comes from."""
    log = tmp_path / "error.log"
    text = "import os\ndef post_worker_init(worker):\n"
    text += f"    os.write(1, b'outside of Python\\n')\n    open({fifo!r}, 'w').close()\n"
    configuration = tmp_path / "c.py"
    configuration.write_text(text, encoding="ascii")
    words = ["--capture-output"] if captured else []
    server = serve("identity_app", "-c", str(configuration), "--log-file", str(log), *words)
    Path(fifo).read_bytes()
    assert server.stop() == 0
    assert ("outside of Python" in log.read_text(encoding="utf-8")) is captured
    assert ("outside of Python" in server.output.rest()) is not captured


class TestPidfile:
    """`-p`."""

    def test_a_stale_one_is_replaced(self, serve: Serve, tmp_path: Path) -> None:
        path = tmp_path / "x.pid"
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        path.write_text(f"{ended.pid}\n", encoding="ascii")
        server = serve("identity_app", "-p", str(path))
        server.worker_pid()
        assert path.read_text(encoding="ascii") == f"{server.pid}\n"

    def test_one_of_a_living_process_stops_the_start(self, serve: Serve, tmp_path: Path) -> None:
        path = tmp_path / "x.pid"
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
        server = serve("identity_app", "-p", str(path))
        assert server.wait() == 1
        server.log.wait_for(f"Error: Already running on PID {os.getpid()}")
        assert path.read_text(encoding="ascii") == f"{os.getpid()}\n"

    def test_one_that_another_has_written_stays(self, serve: Serve, tmp_path: Path) -> None:
        path = tmp_path / "x.pid"
        server = serve("identity_app", "-p", str(path))
        server.worker_pid()
        path.write_text("99\n", encoding="ascii")
        assert server.stop() == 0
        assert path.read_text(encoding="ascii") == "99\n"

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("not-there/x.pid", "doesn't exist. Can't create pidfile"),
            ("folder", "Cannot use the pid file"),
        ],
    )
    def test_one_that_cannot_be_written(
        self, serve: Serve, tmp_path: Path, name: str, said: str
    ) -> None:
        (tmp_path / "folder").mkdir()
        server = serve("identity_app", "-p", str(tmp_path / name))
        assert server.wait() == 1
        server.log.wait_for(f"Error: .*{said}")

    def test_a_reload_moves_it(self, serve: Serve, tmp_path: Path) -> None:
        configuration, one, two = tmp_path / "c.py", tmp_path / "1.pid", tmp_path / "2.pid"
        configuration.write_text(f"pidfile = {str(one)!r}", encoding="ascii")
        server = serve("identity_app", "-c", str(configuration))
        server.worker_pid()
        configuration.write_text(f"pidfile = {str(two)!r}", encoding="ascii")
        server.send(signal.SIGHUP)
        server.worker_pid(2)
        assert two.read_text(encoding="ascii") == f"{server.pid}\n"
        assert not one.exists()


def test_a_failed_start_leaves_no_pidfile(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    (tmp_path / "data").touch()
    server = serve("identity_app", "-p", str(path), bind=[f"unix:{tmp_path}/data"])
    assert server.wait() == 1
    assert not path.exists()


def test_nothing_is_left_open_for_programs_of_the_application(serve: Serve, tmp_path: Path) -> None:
    """The listening socket and the log belong to the server, not to what a request executes."""
    text = "def post_worker_init(worker):\n"
    text += "    import os\n"
    text += "    if os.fork() == 0: os.execv('/bin/sh', ['sh', '-c', 'ls -l /proc/self/fd'])\n"
    text += "    os.wait()\n"
    configuration = tmp_path / "c.py"
    configuration.write_text(text, encoding="ascii")
    log = tmp_path / "error.log"
    bind = f"unix:{tmp_path}/x"
    words = ("-c", str(configuration), "--log-file", str(log))
    server = serve("identity_app", *words, bind=[bind])
    server.output.wait_for("total")
    assert server.stop() == 0
    opened = [line.partition(" -> ")[2] for line in server.output.rest() if " -> " in line]
    assert opened
    assert [each for each in opened if each.startswith("socket:") or "error.log" in each] == []


def test_a_master_with_nothing_to_do_sleeps(serve: Serve, tmp_path: Path) -> None:
    """It looks at its workers again shortly before one may have been silent for `timeout`."""
    config = tmp_path / "c.py"
    config.write_text(
        """
def when_ready(server):
    wait = server.parts.loop.wait
    def told(seconds):
        print(f"waits {seconds:.1f} s", flush=True)
        wait(seconds)
    server.parts.loop.wait = told
""",
        encoding="ascii",
    )
    server = serve("site_app", "-c", str(config), "-w", "2", "--timeout", "1000")
    server.output.wait_for(r"waits 99\d\.\d s")
    assert server.get("/") == (200, b"hello")
