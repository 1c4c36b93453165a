"""The master with real processes: start, supervision, reload, end.

Most run a plain worker class of their own, as projects with their own network code do.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from e2e.plain_master import APP, Master, get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., Master]

pytest.importorskip("licorne._engine", reason="the scoreboard is native")

BASE = ("-b", "127.0.0.1:0", "-k", "plain.Plain", "--graceful-timeout", "5")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Master] = []

    def run(*words: str, app: str = "site_app:app", **options: object) -> Master:
        started.append(Master(tmp_path, *BASE, *words, app, **options))  # type: ignore[arg-type]
        return started[-1]

    yield run
    for each in started:
        each.close()


def test_the_first_lines(start: Start) -> None:
    master = start()
    url = master.address()
    (worker,) = master.boots()
    assert get(url) == "one"
    stamp = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"
    expected = [
        rf"{stamp} \[{master.pid}\] \[INFO\] Starting licorne \d+\.\d+\.\d+",
        rf"{stamp} \[{master.pid}\] \[INFO\] "
        rf"Listening at: http://127\.0\.0\.1:\d+ \({master.pid}\)",
        rf"{stamp} \[{master.pid}\] \[INFO\] Using worker: plain\.Plain",
        rf"{stamp} \[{worker}\] \[INFO\] Booting worker with pid: {worker}",
    ]
    for pattern, line in zip(expected, own_lines(master), strict=True):
        assert re.fullmatch(pattern, line)
    assert master.end() == 0
    told = own_lines(master)
    assert told[4].endswith("[INFO] Handling signal: term")
    assert told[5].endswith(f"[{worker}] [INFO] Worker exiting (pid: {worker})")
    assert told[6].endswith("[INFO] Shutting down: Master")


def own_lines(master: Master) -> list[str]:
    """Without what comes when it comes (the control socket's line), or depends on the machine (a
    real gunicorn that is installed beside, as some tests want it)."""
    others = ("`import gunicorn` means", "Control socket listening at")
    return [line for line in master.lines if not any(each in line for each in others)]


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT"])
def test_ends_with_status_0(start: Start, name: str) -> None:
    master = start("-w", "2")
    url = master.address()
    master.boots(2)
    assert get(url) == "one"
    assert master.end(name) == 0


def test_a_killed_worker_is_told_and_replaced(start: Start) -> None:
    master = start()
    url = master.address()
    (worker,) = master.boots()
    assert get(url) == "one"
    os.kill(worker, signal.SIGKILL)
    master.wait_for(rf"\[ERROR\] Worker \(pid:{worker}\) was sent SIGKILL! Perhaps out of memory\?")
    assert master.boots() != [worker]
    assert get(url) == "one"
    assert master.end() == 0


def test_ttin_and_ttou(start: Start) -> None:
    master = start()
    first = master.boots()
    master.send("TTIN")
    master.wait_for("Handling signal: ttin")
    second = master.boots()
    assert first != second
    master.send("TTOU")
    # The oldest, or the new one as long as it does not serve yet.
    either = f"{first[0]}|{second[0]}"
    master.wait_for(rf"Worker (exiting )?\(pid: ?({either})\)")
    assert master.end() == 0


def test_reload_serves_new_code_and_survives_broken_code(start: Start, tmp_path: Path) -> None:
    master = start()
    url = master.address()
    (first,) = master.boots()
    assert get(url) == "one"
    (tmp_path / "site_app.py").write_text("raise ImportError('broken')")
    master.send("HUP")
    master.wait_for("Hang up: Master")
    master.wait_for("exited with code 3")
    assert get(url) == "one"
    (tmp_path / "site_app.py").write_text(APP.replace("one", "two"))
    # Without another signal: the next try of the brake finds code that loads.
    master.wait_for(rf"Worker exiting \(pid: {first}\)")
    assert get(url) == "two"
    assert master.end() == 0


def test_a_configuration_that_cannot_be_used_is_refused(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "gunicorn.conf.py"
    config.write_text("workers = 1\n")
    master = start()
    url = master.address()
    master.boots()
    config.write_text("workers = 'many'\n")
    master.send("HUP")
    refused = master.wait_for(r"\[ERROR\] Reload refused, .*")[0]
    assert "Invalid value for workers: 'many' (from " in refused
    config.write_text("worker_class = 3\nworkers = (\n")
    master.send("HUP")
    assert "Failed to read config file: " in master.wait_for(r"\[ERROR\] Reload refused, .*")[0]
    config.write_text("raise SystemExit(3)\n")
    master.send("HUP")
    refused = master.wait_for(r"\[ERROR\] Reload refused, .*")[0]
    assert refused.endswith("stays: reading it ended with SystemExit(3)")
    assert get(url) == "one"
    config.write_text("workers = 2\n")
    master.send("HUP")
    master.boots(2)
    assert master.end() == 0


def test_reload_moves_to_another_address(tmp_path: Path) -> None:
    config = tmp_path / "x.py"
    config.write_text(f"bind = ['127.0.0.1:0', 'unix:{tmp_path}/a']\n")
    master = Master(tmp_path, "-c", "x.py", "-k", "plain.Plain", "site_app:app")
    try:
        url = master.address().partition(",")[0]
        master.boots()
        config.write_text(f"bind = ['127.0.0.1:0', 'unix:{tmp_path}/b']\n")
        master.send("HUP")
        after = master.wait_for(r"Listening at: (\S+)")[1]
        # What stays is not touched: the same port as before.
        assert after == f"{url},unix:{tmp_path}/b"
        assert not (tmp_path / "a").exists()
        master.boots()
        assert get(url) == "one"
        assert master.end() == 0
        assert not (tmp_path / "b").exists()
    finally:
        master.close()


@pytest.mark.parametrize(
    ("code", "status", "lines"),
    [
        (
            "import nowhere_x",
            3,
            ["ModuleNotFoundError: No module named 'nowhere_x'", "Reason: Worker failed to boot."],
        ),
        ("def broken(:", 3, ["SyntaxError", "Reason: Worker failed to boot."]),
        (
            "",
            4,
            ["Failed to find attribute 'app' in 'site_app'.", "Reason: App failed to load."],
        ),
        ("app = 3", 4, ["Application object must be callable."]),
        ("import sys; sys.exit(7)", None, ["exited with code 7"]),
    ],
)
def test_an_application_that_cannot_be_loaded(
    start: Start, tmp_path: Path, code: str, status: int | None, lines: list[str]
) -> None:
    (tmp_path / "site_app.py").write_text(code + "\n")
    master = start("-w", "3")
    if status is None:
        # Not one of the codes that mean "cannot work": tried again, more and more slowly.
        master.wait_for(lines[0])
        assert master.end() == 0
        return
    assert master.status() == status
    for line in lines:
        assert line in master.text()
    assert f"exited with code {status}." in master.text()
    assert "[ERROR] Shutting down: Master" in master.text()


HOOKS = """
import os
def note(text):
    os.write(1, f"HOOK {text}\\n".encode())
def on_starting(server): note("on_starting")
def when_ready(server): note(f"when_ready {len(server.LISTENERS)} {server.address[0][0]}")
def nworkers_changed(server, new, old): note(f"nworkers_changed {new} {old}")
def pre_fork(server, worker): note(f"pre_fork {worker.pid} {worker.age}")
def post_fork(server, worker): note(f"post_fork {worker.pid == os.getpid()}")
def post_worker_init(worker): note(f"post_worker_init {worker.wsgi.__name__} {worker.booted}")
def on_reload(server): note("on_reload")
def worker_int(worker): note("worker_int")
def child_exit(server, worker): note(f"child_exit {worker.pid in server.WORKERS}")
def worker_exit(server, worker): note("worker_exit")
def on_exit(server): note("on_exit")
"""


def test_the_order_of_the_hooks(start: Start, tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(HOOKS)
    master = start()
    master.wait_for("HOOK post_worker_init")
    master.send("TTIN")
    master.wait_for("HOOK post_worker_init")
    master.send("TTOU")
    master.wait_for("HOOK child_exit")
    assert master.end("INT") == 0
    hooks = [line.removeprefix("HOOK ") for line in master.lines if line.startswith("HOOK")]
    assert hooks == [
        "nworkers_changed 1 None",
        "on_starting",
        "when_ready 1 127.0.0.1",
        "pre_fork [booting] 1",
        "post_fork True",
        "post_worker_init app False",
        "nworkers_changed 2 1",
        "pre_fork [booting] 2",
        "post_fork True",
        "post_worker_init app False",
        "nworkers_changed 1 2",
        "worker_exit",
        "child_exit False",
        "worker_int",
        "worker_exit",
        "child_exit False",
        "on_exit",
    ]


@pytest.mark.parametrize("hook", ["when_ready", "pre_fork"])
def test_a_hook_that_raises_ends_the_server_and_its_workers(
    start: Start, tmp_path: Path, hook: str
) -> None:
    arguments = "server, worker" if hook == "pre_fork" else "server"
    (tmp_path / "gunicorn.conf.py").write_text(f"def {hook}({arguments}): raise KeyError('x')\n")
    master = start("--pid", str(tmp_path / "pid"))
    assert master.status() in {1, 255}
    assert "KeyError: 'x'" in master.text()
    assert not (tmp_path / "pid").exists()


@pytest.mark.parametrize("call", ["server.halt()", "server.stop(); raise SystemExit(0)"])
def test_a_hook_that_ends_the_server(start: Start, tmp_path: Path, call: str) -> None:
    """It is called while the end of a worker is performed, and waits for the others to end."""
    (tmp_path / "gunicorn.conf.py").write_text(
        "ended = []\n"
        "def child_exit(server, worker):\n"
        "    ended.append(worker)\n"
        f"    if len(ended) == 1:\n        {call}\n"
    )
    master = start("-w", "2")
    either, _ = master.boots(2)
    os.kill(either, signal.SIGKILL)
    master.wait_for("was sent SIGKILL")
    assert master.status() == 0
    assert len(re.findall("Booting worker", master.text())) == 2


SLOW = """
import os, select
def app(environ, start_response):
    os.write(1, b"APP BEGUN\\n")
    select.select([], [], [])
"""


def ask_in_vain(url: str) -> threading.Thread:
    def ask() -> None:
        with pytest.raises(OSError, match=r".*"):
            get(url + "/slow?x=1")

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_silent_worker_is_aborted_and_replaced(start: Start, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(SLOW)
    (tmp_path / "gunicorn.conf.py").write_text(
        "import os\ndef worker_abort(worker): os.write(1, b'HOOK worker_abort\\n')\n"
        "def child_exit(server, worker): os.write(1, b'HOOK aborted %d\\n' % worker.aborted)\n"
    )
    master = start("--timeout", "1")
    thread = ask_in_vain(master.address())
    (worker,) = master.boots()
    master.wait_for(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{worker}\)")
    master.wait_for("HOOK worker_abort")
    master.wait_for("HOOK aborted 1")
    assert master.end() == 0
    thread.join()


def test_the_lost_request_of_a_crashed_worker_is_named(start: Start, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(SLOW)
    master = start("-k", "sync")
    thread = ask_in_vain(master.address())
    (worker,) = master.boots()
    master.wait_for("APP BEGUN")
    os.kill(worker, signal.SIGKILL)
    lost = master.wait_for(rf"Worker \(pid:{worker}\) lost a request: (.*)")[1]
    assert re.fullmatch(r"GET /slow\?x=1 from 127\.0\.0\.1\S*, begun \d+\.\d{3} s before", lost)
    assert master.end("INT") == 0
    thread.join()


def test_pid_file_and_unix_socket_are_gone_afterwards(start: Start, tmp_path: Path) -> None:
    pidfile, path = tmp_path / "pid", tmp_path / "sock"
    master = start("--pid", str(pidfile), "-b", f"unix:{path}")
    master.boots()
    assert pidfile.read_text() == f"{master.pid}\n"
    assert path.is_socket()
    second = start("--pid", str(pidfile))
    assert second.status() == 1
    assert f"Error: Already running on PID {master.pid} " in second.text()
    assert master.end() == 0
    assert not pidfile.exists()
    assert not path.exists()


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "licorne", *sys.argv[2:]])
"""


def test_sockets_of_systemd(tmp_path: Path) -> None:
    (tmp_path / "app_here.py").write_text(APP)
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", ACTIVATE, str(given.fileno()), "app_here:app"],
            cwd=tmp_path,
            pass_fds=[given.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        try:
            while f"Listening at: http://127.0.0.1:{port} " not in process.stderr.readline():
                assert process.poll() is None
            assert get(f"http://127.0.0.1:{port}") == "one"
        finally:
            process.terminate()
            process.stderr.read()
            process.stderr.close()
        assert process.wait() == 0


def test_an_idle_address_in_use_is_status_1(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        master = start("-b", f"127.0.0.1:{port}")
        assert master.status() == 1
    assert f"Can't connect to ('127.0.0.1', {port})" in master.text()


def test_variables_of_the_configuration_reach_the_application(start: Start, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        "import os\ndef app(e, s):\n    s('200 OK', [])\n"
        "    return [os.environ['SHOP'].encode(), os.environ['SERVER_SOFTWARE'].encode()]\n"
    )
    master = start("-e", "SHOP=a=b")
    assert re.fullmatch(r"a=bgunicorn/27\.0\.1 licorne/[\d.]+", get(master.address()))
    assert master.end() == 0
