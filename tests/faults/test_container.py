"""What `examples/docker` promises, with real processes: namespaces in the place of a container.

The application and its licorne.toml are the example's, but for addresses, which tests share.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import licorne
from e2e import scrape
from e2e.server import Server
from faults.processes import children, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "docker"
SCRIPT = Path(__file__).with_name("container.sh")
NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
#: Where container.sh mounts folders of the container.
HIDDEN = ("/tmp", "/srv")
#: As in the example, where no user has the number and any group may be 0.
USER, GROUP = 12345, 0


def obstacle() -> str:
    """Why there can be no container here; nothing if there can."""
    missing = [name for name in ("unshare", "setpriv", "mount") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode != 0:
        return "needs the right to make namespaces"
    for place in (Path(sys.prefix), ROOT):
        if hidden := [top for top in HIDDEN if place.is_relative_to(top)]:
            return f"{place} is below {hidden[0]}, where a container has a folder of its own"
        for folder in (place, *place.parents):
            if not folder.stat().st_mode & 0o001 and folder != Path("/root"):
                return f"{folder} is not for every user"
    return ""


OBSTACLE = obstacle()
pytestmark = pytest.mark.skipif(bool(OBSTACLE), reason=OBSTACLE or "-")


@pytest.fixture
def contained() -> Iterator[Callable[..., Server]]:
    """Start servers in containers; at the end each is stopped, and has to end well."""
    servers: list[Server] = []

    def begin(*args: str, tmp: str = "tmp", drain: float = 0, **environment: str) -> Server:
        inside = {
            "PATH": os.environ["PATH"],
            "HOME": "/",
            # Where the licorne under test is, installed or built in its folder.
            "PYTHONPATH": str(Path(licorne.__file__).parents[1]),
            "LICORNE_METRICS_BIND": "127.0.0.1:0",
            "LICORNE_CONTROL_SOCKET": f"@licorne-test-{os.getpid()}-{len(servers)}",
            "LICORNE_DRAIN_DELAY": str(drain),
            **environment,
        }
        words = [*NAMESPACES, str(SCRIPT), sys.base_prefix, str(EXAMPLE), tmp, "env", "-i"]
        words += [f"{name}={value}" for name, value in inside.items()]
        words += [sys.executable, "-m", "licorne"]
        code = f"import os, sys; os.execvp('unshare', {words!r} + sys.argv[1:])"
        servers.append(Server("", *args, program=("-c", code)))
        eventually(lambda: ready(servers[-1]) == 200, "the server to be ready")
        return servers[-1]

    yield begin
    for server in servers:
        if server.runs():
            os.kill(master(server), signal.SIGINT)
        assert server.wait() == 0
        server.finish()


def master(server: Server) -> int:
    """The server's process id out here; inside it is 1. What was started is `unshare`."""
    (pid,) = children(server.pid)
    return pid


def ready(server: Server) -> int:
    return scrape.ask(server, "/readyz").status


def test_any_user_and_nothing_to_write_to(contained: Callable[..., Server]) -> None:
    server = contained()
    told = json.loads(server.get("/")[1])
    assert (told["parent"], told["user"], told["group"]) == (1, USER, GROUP)
    status = Path(f"/proc/{master(server)}/status").read_text()
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    mounts = Path(f"/proc/{master(server)}/mountinfo").read_text().splitlines()
    places = {line.split()[4]: line.split()[5].split(",")[0] for line in mounts}
    assert (places["/"], places["/srv/app"], places["/tmp"]) == ("ro", "ro", "rw")
    # Every line of the log is an object, and none is worse than INFO.
    lines = [json.loads(line) for line in server.log.all()]
    assert {line["level"].upper() for line in lines} == {"INFO"}


def test_large_bodies_go_to_tmp(contained: Callable[..., Server]) -> None:
    server = contained(LICORNE_BODY_BUFFER_SIZE="65536")
    with server.client() as client:
        client.request("POST", "/upload", body=b"x" * (1 << 20))
        assert json.loads(client.response().body) == {"length": 1 << 20}


def test_without_tmp_all_but_large_bodies(contained: Callable[..., Server]) -> None:
    server = contained(tmp="none", LICORNE_BODY_BUFFER_SIZE="65536")
    assert server.get("/")[0] == 200
    with server.client() as client:
        client.request("POST", "/upload", body=b"x" * 1000)
        assert json.loads(client.response().body) == {"length": 1000}
        client.request("POST", "/upload", body=b"x" * (1 << 17))
        assert client.response().status == 500
    server.log.wait_for("/tmp")
    assert server.get("/")[0] == 200


def test_term_drains_while_readiness_says_no(contained: Callable[..., Server]) -> None:
    """At once, and everything is served meanwhile; then what was begun is answered."""
    server = contained(drain=300)
    with server.client() as slow:
        os.kill(master(server), signal.SIGTERM)
        eventually(lambda: ready(server) == 503, "readiness to say no")
        assert scrape.ask(server, "/livez").status == 200
        assert server.get("/")[0] == 200
        slow.get("/slow")
        # What was sent has to be with the application; then a second TERM ends the delay.
        eventually(lambda: scrape.Page(server).sum("licorne_in_flight_requests") == 1, "a request")
        os.kill(master(server), signal.SIGTERM)
        assert json.loads(slow.response().body) == {"slow": True}
    assert server.wait() == 0
    server.log.wait_for("Shutting down: Master")


def test_the_control_socket_is_for_the_container(contained: Callable[..., Server]) -> None:
    """`docker exec CONTAINER licornectl -s @licorne status`, by way of its namespaces."""
    server = contained()
    name = server.log.wait_for(r"Control socket listening at (@[\w-]+)").group(1)
    into = ["nsenter", "--target", str(master(server)), "--mount", "--pid", "setpriv"]
    into += ["--reuid", str(USER), "--regid", str(GROUP), "--clear-groups"]
    command = [sys.executable, "-c", "from licorne.ctl.cli import main; raise SystemExit(main())"]
    told = subprocess.run(
        [*into, *command, "-s", name, "status", "-j"],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["pid"] == 1


def test_a_worker_for_each_processor_of_the_container(contained: Callable[..., Server]) -> None:
    """`workers = "auto"` of the example, by the affinity that a container may have."""
    one = min(os.sched_getaffinity(0))
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [one])
    try:
        server = contained()
    finally:
        os.sched_setaffinity(0, mine)
    assert scrape.Page(server).sum("licorne_workers_wanted") == 1


def test_the_example_is_complete() -> None:
    """What the Dockerfile copies is there, and nothing else is let in."""
    allowed = (EXAMPLE / ".dockerignore").read_text().split()
    assert allowed[0] == "*"
    copied = ["requirements.txt", "app.py", "licorne.toml"]
    assert sorted(name.removeprefix("!") for name in allowed[1:]) == sorted(copied)
    text = (EXAMPLE / "Dockerfile").read_text()
    assert f"COPY {copied[0]} ./" in text
    assert f"COPY {' '.join(copied[1:])} ./" in text
    assert 'CMD ["licorne"]' in text
