"""Workers that grow are replaced, and those that the kernel kills for it are told of."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from e2e.server import opened
from faults.processes import eventually
from licorne.system.procfs import resident_set

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

#: Answers its process id; grows by ?MiB when asked to, and keeps it.
GROWING = """
import os
KEPT = []
def application(environ, start_response):
    if environ["QUERY_STRING"]:
        KEPT.append(b"x" * (int(environ["QUERY_STRING"]) << 20))
    if environ["PATH_INFO"] == "/wait":
        os.write(2, b"app: waits\\n")
        open(environ["HTTP_FIFO"], "rb").read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
#: Starts a server that sees another folder as the kernel's, in a mount namespace of its own.
BEHIND_A_MOUNT = """
import os, subprocess, sys
subprocess.run(["mount", "--bind", sys.argv[1], "/sys/fs/cgroup"], check=True)
os.execv(sys.executable, [sys.executable, "-m", "licorne", *sys.argv[2:]])
"""


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    (tmp_path / "growing.py").write_text(GROWING, encoding="ascii")
    return tmp_path


def test_a_worker_above_the_limit_is_replaced(
    args: tuple[str, ...], serve: Serve, growing: Path
) -> None:
    server = serve("growing", *args, "--max-worker-memory", "300M", cwd=growing)
    first = server.worker_pid()
    assert server.get("/") == (200, str(first).encode())
    assert server.get("/?400")[0] == 200
    server.log.wait_for(
        rf"\[WARNING\] Worker \(pid:{first}\) has \d+\.\d MiB of memory "
        r"\(max_worker_memory is 300\.0 MiB\); in flight: (nothing|GET /\?400 \(\d+\.\d s\))"
    )
    second = server.worker_pid(2)
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    assert server.get("/") == (200, str(second).encode())
    assert len(server.log.matching("of memory")) == 1


def test_a_worker_above_the_limit_before_it_serves_is_replaced_once_it_does(
    serve: Serve, growing: Path
) -> None:
    # Two samples are taken while it loads; nothing tells of them, so it takes its time.
    (growing / "big.py").write_text(
        "from growing import KEPT, application\nKEPT.append(b'x' * (400 << 20))\n"
        "import time\ntime.sleep(2.5)\n",
        encoding="ascii",
    )
    server = serve("big", "--max-worker-memory", "300M", cwd=growing)
    first = server.worker_pid()
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    assert server.get("/")[0] == 200


def test_without_a_timeout_memory_is_watched_all_the_same(serve: Serve, growing: Path) -> None:
    server = serve("growing", "--timeout", "0", "--max-worker-memory", "300M", cwd=growing)
    first = server.worker_pid()
    assert server.get("/?400")[0] == 200
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")


def test_a_share_is_told_in_bytes(serve: Serve, growing: Path) -> None:
    server = serve("growing", "--max-worker-memory", "50%", cwd=growing)
    server.log.wait_for(
        r"max_worker_memory: 50% of .* \(\d+\.\d+ [GM]iB\) is \d+\.\d+ [GM]iB for each worker"
    )
    server.worker_pid()
    assert server.get("/")[0] == 200


@pytest.mark.parametrize("hook", ["", "def post_request(worker, req, environ, resp): pass"])
def test_the_bodies_of_requests_that_are_over_are_let_go_of(
    args: tuple[str, ...], serve: Serve, fifo: str, tmp_path: Path, hook: str
) -> None:
    """Also while no other request comes, and beside a hook that looks at requests."""
    (tmp_path / "c.py").write_text(hook, encoding="ascii")
    server = serve("site_app", *args, "-c", str(tmp_path / "c.py"))
    child = server.worker_pid()
    assert server.get("/") == (200, b"hello")
    before = resident_set(child)
    assert before is not None
    # Larger than what the C library keeps for itself.
    size = 12 << 20
    count = 1 if args[1] in {"sync", "tornado"} else 4
    head = f"POST /wait?fifo={fifo} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(count)]
        for client in clients:
            client.send(head.encode() + bytes(size))
        server.log.wait_for("app: waits", count)
        stack.enter_context(opened(fifo))
        assert [client.response().body for client in clients] == [b"waited"] * count
        eventually(
            lambda: (resident_set(child) or 0) < before + size // 2,
            f"{before} bytes, and half a body more at the most",
        )


def _can_mount() -> bool:
    tools = shutil.which("unshare") is not None and shutil.which("mount") is not None
    if not tools or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="needs root and mount namespaces")
def test_a_kill_for_want_of_memory_is_told(
    serve: Serve, growing: Path, fifo: str, tmp_path: Path
) -> None:
    # What the kernel would write is written here: no real memory has to run out.
    groups = tmp_path / "cgroup"
    (groups / "memory").mkdir(parents=True)
    counters = [groups / "memory" / "memory.oom_control", groups / "memory.events"]
    limits = [groups / "memory" / "memory.limit_in_bytes", groups / "memory.max"]
    for path in counters:
        path.write_text("oom_kill 7\n", encoding="ascii")
    for path in limits:
        path.write_text(f"{512 << 20}\n", encoding="ascii")
    launcher = tmp_path / "launcher.py"
    launcher.write_text(BEHIND_A_MOUNT, encoding="ascii")
    server = serve(
        "growing",
        cwd=growing,
        program=("-c", UNSHARE, str(launcher), str(groups)),
    )
    worker = server.worker_pid()
    with server.client() as client:
        client.get("/wait", f"Fifo: {fifo}")
        server.log.wait_for("app: waits")
        for path in counters:
            path.write_text("oom_kill 8\n", encoding="ascii")
        os.kill(worker, signal.SIGKILL)
        found = server.log.wait_for(rf"\[ERROR\] Worker \(pid:{worker}\) was killed by .*")
    assert re.fullmatch(
        rf"\[ERROR\] Worker \(pid:{worker}\) was killed by the kernel's OOM killer: "
        r"RSS was \d+\.\d MiB of limit 512\.0 MiB; "
        r"in flight: GET /wait \(\d+\.\d s\)",
        found.group(),
    )
    server.log.wait_for(rf"Worker \(pid:{worker}\) was sent SIGKILL! Perhaps out of memory\?")
    os.kill(server.worker_pid(2), signal.SIGKILL)
    server.worker_pid(3)
    assert len(server.log.matching("OOM killer")) == 1


UNSHARE = """
import os, sys
os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv[1:]])
"""
