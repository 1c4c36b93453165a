"""What the gthread worker promises of its threads, beyond what all worker types do."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.server import open_gate
from faults.processes import eventually

if TYPE_CHECKING:
    from e2e.conftest import Fifos
    from e2e.server import Serve, Server

THREADS = ("-k", "gthread", "--threads", "3")

#: A pool of the user's own, with whatever name its threads have.
POOLED = """
from concurrent.futures import ThreadPoolExecutor
from gunicorn.workers.gthread import ThreadWorker

class Pooled(ThreadWorker):
    def get_thread_pool(self):
        return ThreadPoolExecutor(max_workers=2, thread_name_prefix="a-long-name-of-a-pool")
"""


def names(server: Server) -> list[str]:
    """What the system calls the threads of the worker, the first one apart."""
    pid = server.worker_pid()
    tasks = sorted(Path(f"/proc/{pid}/task").iterdir(), key=lambda task: int(task.name))
    return sorted((task / "comm").read_text(encoding="utf-8").rstrip() for task in tasks[1:])


def test_as_many_threads_as_were_asked_for(serve: Serve, fifos: Fifos) -> None:
    """A fourth slow request waits for one of the three to end."""
    server = serve("site_app", *THREADS)
    *gates, last = fifos(4)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(4)]
        for client, gate in zip(clients, gates, strict=False):
            client.get(f"/wait?fifo={gate}")
        server.log.wait_for("app: waits", 3)
        clients[3].get(f"/wait?fifo={last}&late")
        open_gate(gates[1])
        assert clients[1].response().body == b"waited"
        server.log.wait_for("app: waits", 4)
        for client, gate in zip(clients, (gates[0], None, gates[2], last), strict=True):
            if gate is not None:
                open_gate(gate)
                assert client.response().body == b"waited"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
class TestNames:
    """Threads say what they are: to Python, and to `top -H`, debuggers and profilers."""

    def test_threads(self, serve: Serve, fifos: Fifos) -> None:
        server = serve("site_app", *THREADS)
        with ExitStack() as stack:
            for gate in fifos(3):
                client = stack.enter_context(server.client())
                client.get(f"/wait?fifo={gate}")
                stack.callback(open_gate, gate)
            server.log.wait_for("app: waits", 3)
            wanted = [*(f"licorne-app-{n}" for n in range(3)), "licorne-standin"]
            # A thread names itself when it first runs, and those here had no reason to wait for it.
            eventually(lambda: names(server) == wanted, f"threads named {wanted}")
        assert server.get("/thread")[1] in {b"licorne-app-%d" % n for n in range(3)}

    def test_threads_of_a_pool(self, serve: Serve, tmp_path: Path) -> None:
        (tmp_path / "pooled.py").write_text(POOLED, encoding="ascii")
        words = ("--pythonpath", str(tmp_path), "-k", "pooled.Pooled")
        server = serve("site_app", *words)
        assert server.get("/thread")[1].startswith(b"a-long-name-of-a-pool_")
        eventually(lambda: "a-long-name-of-" in names(server), "the system's name of the pool")


def test_a_thread_that_computes_leaves_room_for_the_others(serve: Serve, fifo: str) -> None:
    """Python code without a pause: the interpreter goes from thread to thread."""
    server = serve("site_app", *THREADS)
    with server.client() as busy, server.client() as client:
        busy.get(f"/spin?fifo={fifo}")
        server.log.wait_for("app: spins")
        for _ in range(3):
            client.get("/")
            assert client.response().body == b"hello"
        open_gate(fifo)
        assert busy.response().body == b"spun"


#: What the engine lets go of, after a hook has looked at it, lets other threads run as it ends.
SLOWLY_ENDING = """
import time

class Slow:
    def __del__(self):
        time.sleep(0.001)

def application(environ, start_response):
    environ["slow"] = Slow()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

def post_request(worker, req, environ, resp):
    pass
"""


def test_objects_that_end_slowly_keep_no_thread_from_going_on(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "slowly.py"
    app.write_text(SLOWLY_ENDING, encoding="ascii")
    server = serve("slowly", *THREADS, "-c", str(app), cwd=tmp_path)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(8)]
        for _ in range(20):
            for client in clients:
                client.get("/")
            assert [client.response().body for client in clients] == [b"ok"] * 8
