"""What preloaded code leaves behind, and where it was made."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from licorne.preload.forksafety import Origins

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")

PRELOAD = """
import logging, sys
from licorne.preload import forksafety
class App:
    def wsgi(self):
        import leaves_behind
logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
forksafety.preload(App(), logging.getLogger())
import gc
print("frozen", gc.get_freeze_count() > 0)
"""


def preloaded(tmp_path: Path, code: str) -> list[str]:
    """The lines that a process prints which preloads the code."""
    (tmp_path / "leaves_behind.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-c", PRELOAD], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_nothing_is_said_of_clean_code(tmp_path: Path) -> None:
    assert preloaded(tmp_path, "import json, socket, threading\n") == ["frozen True"]


def test_a_thread(tmp_path: Path) -> None:
    code = """
import threading
def begin():
    threading.Thread(target=threading.Event().wait, name="exporter", daemon=True).start()
begin()
"""
    assert preloaded(tmp_path, code)[0] == (
        "WARNING Preload: thread 'exporter', started at leaves_behind.py:4 in begin, will not run "
        "in any worker. Start it in post_fork or at the first request."
    )


def test_a_thread_of_an_executor_is_told_with_the_users_line(tmp_path: Path) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
pool.submit(int).result()
"""
    assert ", started at leaves_behind.py:4 in <module>, " in preloaded(tmp_path, code)[0]


def test_a_native_thread(tmp_path: Path) -> None:
    code = """
import _thread, threading
lock = threading.Lock()
lock.acquire()
_thread.start_new_thread(lock.acquire, ())
"""
    assert "1 thread(s) of native code" in preloaded(tmp_path, code)[0]


def test_sockets_that_do_not_listen(tmp_path: Path) -> None:
    code = """
import socket
listening = socket.create_server(("127.0.0.1", 0))
kept = socket.create_connection(listening.getsockname())
mine, other = socket.socketpair()
closed = socket.socket()
closed.close()
"""
    said = preloaded(tmp_path, code)[:-1]
    assert len(said) == 3
    assert "socket 4 to 127.0.0.1:" in said[0]
    assert "made at leaves_behind.py:4 in <module>" in said[0]
    assert all("made at leaves_behind.py:5 in <module>" in line for line in said[1:])


def test_an_event_loop(tmp_path: Path) -> None:
    said = "\n".join(preloaded(tmp_path, "import asyncio\nloop = asyncio.new_event_loop()\n"))
    assert "epoll descriptor" in said
    assert "leaves_behind.py:2 in <module>" in said


def test_a_hundred_are_told_briefly(tmp_path: Path) -> None:
    code = "import socket\nmany = [socket.socket() for _ in range(100)]\n"
    said = preloaded(tmp_path, code)
    assert len(said) == 22
    assert said[20] == "WARNING Preload: 80 more threads and descriptors like these."


def test_nothing_is_left_of_the_recorder() -> None:
    before = (threading.Thread.start, socket.socket.__init__)
    with Origins():
        assert (threading.Thread.start, socket.socket.__init__) != before
    assert (threading.Thread.start, socket.socket.__init__) == before


def test_what_the_application_has_put_around_stays() -> None:
    before = threading.Thread.start
    with Origins() as origins:
        inner = threading.Thread.start

        def outer(self: threading.Thread) -> None:
            inner(self)

        threading.Thread.start = outer  # type: ignore[method-assign]
    try:
        assert threading.Thread.start is outer
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        assert origins.threads == {}
    finally:
        threading.Thread.start = before  # type: ignore[method-assign]
