"""The units of examples/systemd under a real systemd (`machine.py`), just as they are shipped."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from faults.load import Load
from faults.machine import UNITS, Machine, why_not
from faults.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from e2e.client import Client

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)
PORT = 8000
CTL = ("/srv/application/.venv/bin/licornectl", "-s", "/run/licorne/licorne.ctl")
ADMIN = """
[Socket]
ListenStream=127.0.0.1:8001
FileDescriptorName=admin
Service=licorne.service
"""
BROKEN = "import a_module_that_is_not_there\n"
#: Given to the service where systemd does not know Type=notify-reload, as its comment says.
OLDER = re.search(r"(?m)^# (ExecReload=.*)$", (UNITS / "licorne.service").read_text())


@pytest.fixture(scope="session")
def booted() -> Iterator[Machine]:
    """Each process of pytest-xdist has its own: it starts in a fraction of a second."""
    made = Machine()
    yield made
    made.close()


@pytest.fixture
def machine(booted: Machine) -> Iterator[Machine]:
    yield booted
    booted.clean()
    assert booted.processes() == []


def ask(client: Client, path: str = "/pid") -> bytes:
    with client:
        client.get(path, close=True)
        answer = client.response()
    assert answer.status == 200
    return answer.body


@contextmanager
def under_way(machine: Machine) -> Iterator[Callable[[], None]]:
    """A request that is in hand; what is given lets it end, and looks at its answer."""
    gate = machine.application / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)

    def finish() -> None:
        pipe = os.open(gate, os.O_RDWR)
        os.write(pipe, b"x")
        assert client.response().body == b"waited"
        os.close(pipe)

    try:
        with machine.connect(PORT) as client:
            client.get("/wait?fifo=/srv/application/gate")
            eventually(lambda: " waits" in machine.log(), "the request is under way")
            yield finish
    finally:
        gate.unlink()


def test_start_reload_stop(machine: Machine) -> None:
    machine.install()
    notifies = machine.shows("Type")
    if notifies != "notify-reload":
        assert notifies == "notify"
        assert OLDER is not None
        machine.install(OLDER[1])
    machine.do("start", "licorne.service")
    # It returned, so the workers serve: on both sockets of the unit.
    first = ask(machine.connect(PORT))
    assert ask(machine.connect_unix("/run/licorne.sock"))
    machine.until("StatusText", "4 of 4 workers serve")
    assert 'Status: "4 of 4 workers serve"' in machine.do("status", "licorne.service")
    master, old = machine.shows("MainPID"), machine.processes()
    assert int(first) in old
    machine.do("reload", "licorne.service")
    eventually(lambda: not {*old} - {int(master)} & {*machine.processes()}, "the old ones gone")
    machine.until("StatusText", "4 of 4 workers serve")
    machine.until("ActiveState", "active")
    assert machine.shows("MainPID") == master
    asked = machine.run(*CTL, "status")
    assert ["pid:", master] in [line.split() for line in asked.stdout.splitlines()], asked
    machine.do("stop", "licorne.service")
    told = [machine.shows(each) for each in ("ActiveState", "Result", "ExecMainStatus")]
    assert told == ["inactive", "success", "0"]
    assert machine.processes() == []


def test_an_application_that_does_not_load(machine: Machine) -> None:
    machine.install("Restart=no", code=BROKEN)
    assert machine.systemctl("start", "licorne.service").returncode == 1
    told = [machine.shows(each) for each in ("ActiveState", "Result", "ExecMainStatus")]
    assert told == ["failed", "exit-code", "3"]
    assert "a_module_that_is_not_there" in machine.log()


def test_a_new_master_takes_the_service_over(machine: Machine) -> None:
    machine.install(units={"licorne-admin.socket": ADMIN})
    # Two sets of sockets, with a name each.
    machine.do("start", "licorne-admin.socket", "licorne.service")
    machine.until("StatusText", "4 of 4 workers serve")
    old = machine.shows("MainPID")
    with Load(PORT, program=machine.inside) as load:
        machine.send("USR2")
        eventually(lambda: machine.log().count("Booting worker") == 8, "workers of the new master")
        (new,) = re.findall(r"New master with pid: (\d+)", machine.log())
        machine.send("TERM")
        machine.until("MainPID", new)
        eventually(lambda: int(old) not in machine.processes(), "the old master gone")
        machine.until("StatusText", "4 of 4 workers serve")
    load.tally.check_nothing_lost()
    assert machine.shows("ActiveState") == "active"
    assert machine.shows("NRestarts") == "0"
    assert {int(ask(machine.connect(port))) for port in (PORT, 8001)} <= {*machine.processes()}
    # systemd waits for the new master, too, which is its child by now.
    control = f"[{new}] [INFO] Control socket listening at {CTL[-1]}"
    eventually(lambda: control in machine.log(), "promotion")
    with under_way(machine) as finish:
        machine.do("stop", "--no-block", "licorne.service")
        machine.until("StatusText", "0 of 4 workers serve, 1 leaving")
        finish()
    machine.until("ActiveState", "inactive")
    assert machine.shows("Result") == "success"
    for line in ("Handling signal: term", "Shutting down: Master"):
        assert f"[{new}] [INFO] {line}" in machine.log()


def test_a_restart_loses_no_connection(machine: Machine) -> None:
    machine.install()
    machine.do("start", "licorne.service")
    with Load(PORT, keeping=0, fresh=4, program=machine.inside) as load:
        machine.do("restart", "licorne.service")
        ask(machine.connect(PORT))
    load.tally.check_nothing_lost()
    # systemd starts the service for a client, too.
    machine.do("stop", "licorne.service")
    assert ask(machine.connect(PORT))
    # It is active when all of its workers serve: the client was answered by the first.
    machine.until("ActiveState", "active")


def test_a_stop_waits_for_what_is_under_way(machine: Machine) -> None:
    """KillMode=mixed: systemd's TERM is for the master, and its workers finish."""
    machine.install()
    machine.do("start", "licorne.service")
    with under_way(machine) as finish:
        machine.do("stop", "--no-block", "licorne.service")
        machine.until("StatusText", "0 of 4 workers serve, 1 leaving")
        assert machine.shows("ActiveState") == "deactivating"
        finish()
    machine.until("ActiveState", "inactive")
    assert machine.shows("Result") == "success"


def test_the_watchdog(machine: Machine) -> None:
    machine.install("WatchdogSec=2")
    machine.do("start", "licorne.service")
    master, signs = machine.shows("MainPID"), "WatchdogTimestampMonotonic"
    first = int(machine.shows(signs))
    eventually(lambda: int(machine.shows(signs)) - first > 2_000_000, "signs of life")
    assert (machine.shows("NRestarts"), machine.shows("MainPID")) == ("0", master)
    machine.send("STOP")
    machine.until("NRestarts", "1")
    machine.until("ActiveState", "active")
    assert machine.shows("MainPID") not in {master, "0"}
    assert ask(machine.connect(PORT))


def test_a_share_of_the_units_memory(machine: Machine) -> None:
    if not machine.has_memory:
        pytest.skip("this machine lends no memory controller to a systemd of our own")
    start = "ExecStart=/srv/application/.venv/bin/licorne --max-worker-memory 40%% app:app"
    machine.install("MemoryMax=1G", "ExecStart=", start)
    machine.do("start", "licorne.service")
    told = "max_worker_memory: 40% of what the memory cgroup allows (1.00 GiB) is 409.6 MiB"
    assert told in machine.log()
