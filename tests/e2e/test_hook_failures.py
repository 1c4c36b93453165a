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


@pytest.fixture
def armed(tmp_path: Path) -> Path:
    return tmp_path / "armed"


def begin(serve: Serve, tmp_path: Path, *raising: str, more: tuple[str, ...] = ()) -> Server:
    conf = tmp_path / "raising.conf.py"
    conf.write_text(CONF.format(armed=str(tmp_path / "armed")))
    environment = {"RAISING": " ".join(raising)}
    return serve("site_app", "-c", str(conf), *more, environment=environment, tracebacks=True)


def told(server: Server, name: str, count: int = 1) -> None:
    server.log.wait_for(rf"The hook {name} raised; the server goes on", count)
    server.log.wait_for(f"KeyError: 'from {name}'", count)


@pytest.mark.parametrize("name", ["child_exit", "worker_exit"])
def test_the_end_of_a_worker(
    serve: Serve, tmp_path: Path, armed: Path, args: tuple[str, ...], name: str
) -> None:
    server = begin(serve, tmp_path, name, more=args)
    first = server.worker_pid()
    server.get("/")
    armed.touch()
    os.kill(first, signal.SIGTERM)
    told(server, name)
    server.worker_pid(2)
    assert server.get("/")[0] == 200


def test_the_number_of_workers(serve: Serve, tmp_path: Path, armed: Path) -> None:
    server = begin(serve, tmp_path, "nworkers_changed")
    server.get("/")
    armed.touch()
    server.send(signal.SIGTTIN)
    told(server, "nworkers_changed")
    server.worker_pid(2)
    assert server.get("/")[0] == 200


def test_a_reload(serve: Serve, tmp_path: Path, armed: Path) -> None:
    server = begin(serve, tmp_path, "on_reload")
    server.get("/")
    armed.touch()
    server.send(signal.SIGHUP)
    told(server, "on_reload")
    server.log.wait_for("Reload complete")
    assert server.get("/")[0] == 200


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_a_fork_that_its_hook_prevents_is_tried_again(
    serve: Serve, tmp_path: Path, armed: Path, preload: tuple[str, ...]
) -> None:
    server = begin(serve, tmp_path, "pre_fork", more=preload)
    server.get("/")
    armed.touch()
    server.send(signal.SIGTTIN)
    server.log.wait_for("Cannot fork a worker: the hook pre_fork raised")
    server.log.wait_for("KeyError: 'from pre_fork'")
    assert server.get("/")[0] == 200
    armed.unlink()
    server.worker_pid(2)


@pytest.mark.parametrize("name", ["post_fork", "post_worker_init"])
def test_a_worker_that_its_hook_prevents_is_tried_again(
    serve: Serve, tmp_path: Path, armed: Path, name: str
) -> None:
    server = begin(serve, tmp_path, name)
    server.get("/")
    armed.touch()
    server.send(signal.SIGTTIN)
    server.log.wait_for(f"HookError: the hook {name} raised KeyError")
    assert server.get("/")[0] == 200
    armed.unlink()
    server.log.wait_for("Booting worker", 3)


def test_a_new_master_that_its_hook_prevents(serve: Serve, tmp_path: Path, armed: Path) -> None:
    server = begin(serve, tmp_path, "pre_exec")
    server.get("/")
    armed.touch()
    server.send(signal.SIGUSR2)
    server.log.wait_for("the hook pre_exec raised KeyError")
    server.log.wait_for("this one goes on")
    assert server.get("/")[0] == 200


SIGNALS = {"worker_int": signal.SIGINT, "worker_abort": signal.SIGABRT}


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_of_a_worker(
    serve: Serve, tmp_path: Path, armed: Path, args: tuple[str, ...], name: str
) -> None:
    server = begin(serve, tmp_path, name, more=args)
    first = server.worker_pid()
    server.get("/")
    armed.touch()
    os.kill(first, SIGNALS[name])
    told(server, name)
    server.worker_pid(2)
    assert server.get("/")[0] == 200


def test_the_end_of_the_server(serve: Serve, tmp_path: Path, armed: Path) -> None:
    server = begin(serve, tmp_path, "on_exit")
    server.get("/")
    armed.touch()
    assert server.stop() == 0
    told(server, "on_exit")


@pytest.mark.parametrize("name", ["on_starting", "when_ready", "pre_fork", "nworkers_changed"])
def test_before_the_first_worker_the_start_ends(
    serve: Serve, tmp_path: Path, armed: Path, name: str
) -> None:
    armed.touch()
    server = begin(serve, tmp_path, name)
    assert server.wait() != 0
    assert [line for line in server.log.rest() if f"from {name}" in line]
    assert not server.log.matching("Booting worker")
