"""Hooks that raise: while the server serves, it serves on; before the first worker, it ends."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

#: One function for every hook; those that are told to, raise.
CONF = """
import os

def _hook(name):
    def hook(*arguments):
        if name in os.environ.get("RAISING", "").split() and os.path.exists({armed!r}):
            raise KeyError("from " + name)
    return hook

def post_request(worker, req, environ, resp):
    _hook("post_request")()

_taking = {{"nworkers_changed": 3, "pre_fork": 2, "post_fork": 2, "child_exit": 2,
            "worker_exit": 2, "pre_request": 2}}
for _name in ("on_starting", "when_ready", "on_reload", "on_exit", "pre_exec", "worker_int",
              "worker_abort", "post_worker_init", *_taking):
    globals()[_name] = _hook(_name)
"""


class Failing:
    """A server with a hook that raises while it is armed."""

    def __init__(self, serve: Serve, folder: Path) -> None:
        self._serve = serve
        self._conf = folder / "raising.conf.py"
        self._armed = folder / "armed"
        self._conf.write_text(CONF.format(armed=str(self._armed)))

    def start(self, name: str, *args: str) -> Server:
        """Start it, whatever becomes of it."""
        words = ("-c", str(self._conf), *args)
        return self._serve("site_app", *words, environment={"RAISING": name}, tracebacks=True)

    def arm(self) -> None:
        """From now on, the hook raises."""
        self._armed.touch()

    def disarm(self) -> None:
        """From now on, it does not."""
        self._armed.unlink()

    def __call__(self, name: str, *args: str) -> Server:
        """A server that serves, and whose hook raises from now on."""
        server = self.start(name, *args)
        server.get("/")
        self.arm()
        return server

    def signalled(self, name: str, number: signal.Signals, *args: str) -> Server:
        """The same, once its master was sent a signal."""
        server = self(name, *args)
        server.send(number)
        return server


@pytest.fixture
def failing(serve: Serve, tmp_path: Path) -> Failing:
    return Failing(serve, tmp_path)


def told(server: Server, name: str, count: int = 1) -> None:
    server.log.wait_for(rf"The hook {name} raised; the server goes on", count)
    server.log.wait_for(f"KeyError: 'from {name}'", count)


#: Hooks in and for a worker, with the signal to it that has them called.
OF_A_WORKER = {
    "child_exit": signal.SIGTERM,
    "worker_exit": signal.SIGTERM,
    "worker_int": signal.SIGINT,
    "worker_abort": signal.SIGABRT,
}


@pytest.mark.parametrize("name", OF_A_WORKER)
def test_a_hook_at_the_end_of_a_worker(failing: Failing, args: tuple[str, ...], name: str) -> None:
    server = failing(name, *args)
    os.kill(server.worker_pid(), OF_A_WORKER[name])
    told(server, name)
    server.worker_pid(2)
    assert server.get("/")[0] == 200


@pytest.mark.parametrize(
    ("name", "number", "line", "count"),
    [
        ("nworkers_changed", signal.SIGTTIN, "Booting worker", 2),
        ("on_reload", signal.SIGHUP, "Reload complete", 1),
    ],
)
def test_a_hook_of_the_master(
    failing: Failing, name: str, number: signal.Signals, line: str, count: int
) -> None:
    server = failing.signalled(name, number)
    told(server, name)
    server.log.wait_for(line, count)
    assert server.get("/")[0] == 200


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_a_fork_that_its_hook_prevents_is_tried_again(
    failing: Failing, preload: tuple[str, ...]
) -> None:
    server = failing.signalled("pre_fork", signal.SIGTTIN, *preload)
    server.log.wait_for("Cannot fork a worker: the hook pre_fork raised")
    server.log.wait_for("KeyError: 'from pre_fork'")
    assert server.get("/")[0] == 200
    failing.disarm()
    server.worker_pid(2)


@pytest.mark.parametrize("name", ["post_fork", "post_worker_init"])
def test_a_worker_that_its_hook_prevents_is_tried_again(failing: Failing, name: str) -> None:
    server = failing.signalled(name, signal.SIGTTIN)
    server.log.wait_for(f"HookError: the hook {name} raised KeyError")
    assert server.get("/")[0] == 200
    failing.disarm()
    server.log.wait_for("Booting worker", 3)


def test_a_new_master_that_its_hook_prevents(failing: Failing) -> None:
    server = failing.signalled("pre_exec", signal.SIGUSR2)
    server.log.wait_for("the hook pre_exec raised KeyError")
    server.log.wait_for("this one goes on")
    assert server.get("/")[0] == 200


def test_the_end_of_the_server(failing: Failing) -> None:
    server = failing("on_exit")
    assert server.stop() == 0
    told(server, "on_exit")


@pytest.mark.parametrize("name", ["on_starting", "when_ready", "pre_fork", "nworkers_changed"])
def test_before_the_first_worker_the_start_ends(failing: Failing, name: str) -> None:
    failing.arm()
    server = failing.start(name)
    assert server.wait() != 0
    assert [line for line in server.log.rest() if f"from {name}" in line]
    assert not server.log.matching("Booting worker")
