"""Under systemd: a real datagram socket stands for its end, and the unit files are read."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.server import APPS
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve

UNITS = Path(__file__).resolve().parents[2] / "examples" / "systemd"
ANSWER = (
    "def application(environ, start_response):\n    start_response('200 OK', [])\n    return []\n"
)
#: In the master as well: a configuration is read there.
PATCH = "from gevent import monkey; monkey.patch_all()\n"
NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}


class Systemd:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0"))

    def wait_for(self, line: str) -> str:
        """The next message that has this line."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                message = self._socket.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"never heard {line!r}, but {self.heard}") from None
            self.heard.append(message)
            if any(re.fullmatch(line, each) for each in message.splitlines()):
                return message

    def rest(self) -> list[str]:
        """All messages, when no process is left that could send more."""
        self._socket.setblocking(False)
        while True:
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, short_tmp: str) -> Iterator[Systemd]:
    abstract = f"@licorne-e2e-{os.getpid()}"
    made = Systemd(abstract if request.param == "abstract" else f"{short_tmp}/notify")
    yield made
    made.close()


@pytest.mark.parametrize("patched", [False, True], ids=["plain", "patched"])
def test_another_master_takes_the_service_over(
    serve: Serve, systemd: Systemd, tmp_path: Path, patched: bool
) -> None:
    if patched:
        pytest.importorskip("gevent")
    configuration = tmp_path / "c.py"
    configuration.write_text(PATCH if patched else "", encoding="ascii")
    environment = {"NOTIFY_SOCKET": systemd.address}
    server = serve("site_app", "-c", str(configuration), environment=environment)
    systemd.wait_for("READY=1")
    server.send(signal.SIGUSR2)
    successor = int(server.log.wait_for(r"New master with pid: (\d+)").group(1))
    systemd.wait_for("READY=1")
    server.send(signal.SIGTERM)
    systemd.wait_for(f"MAINPID={successor}")
    # The old one has said it, while it still was the main process. The new one says it again.
    assert f"MAINPID={successor}" not in systemd.wait_for(r"MAINPID=\d+")
    systemd.wait_for(f"MAINPID={successor}")
    systemd.wait_for("BARRIER=1")
    server.log.wait_for("Master has been promoted")
    assert server.log.matching("systemd may not know") == []
    assert not any("STOPPING=1" in message for message in systemd.heard)
    os.kill(successor, signal.SIGTERM)
    systemd.wait_for("STOPPING=1")
    server.log.wait_for(rf"\[{successor}\] \[INFO\] Shutting down: Master")


def test_a_life(serve: Serve, systemd: Systemd) -> None:
    server = serve("site_app", "-w", "2", environment={"NOTIFY_SOCKET": systemd.address})
    ready = systemd.wait_for("READY=1")
    assert re.search(r"STATUS=[12] of 2 workers serve", ready)
    if "STATUS=2 of 2 workers serve" not in ready:
        systemd.wait_for("STATUS=2 of 2 workers serve")
    before = time.monotonic_ns() // 1000
    server.send(signal.SIGHUP)
    told = systemd.wait_for("RELOADING=1")
    found = re.search(r"MONOTONIC_USEC=(\d+)", told)
    assert found
    assert before <= int(found[1]) <= time.monotonic_ns() // 1000
    systemd.wait_for("READY=1")
    # Both of the new generation have booted by then.
    assert len(server.log.matching("Booting worker")) == 4
    assert server.stop() == 0
    systemd.wait_for("STOPPING=1")
    assert not [each for each in systemd.heard if "WATCHDOG" in each]


def test_not_ready_again_while_new_code_does_not_load(
    serve: Serve, short_tmp: str, tmp_path: Path
) -> None:
    told = Systemd(f"{short_tmp}/notify")
    module = tmp_path / "changing.py"
    module.write_text(ANSWER, encoding="ascii")
    environment = {"NOTIFY_SOCKET": told.address} | NO_CACHE
    server = serve("changing", cwd=tmp_path, environment=environment, tracebacks=True)
    told.wait_for("READY=1")
    module.write_text("import a_module_that_is_not_there", encoding="ascii")
    server.send(signal.SIGHUP)
    told.wait_for("RELOADING=1")
    server.log.wait_for(r"exited with code 3\.")
    told.wait_for("STATUS=1 of 1 workers serve, 1 of an older generation")
    assert "READY=1" not in "\n".join(told.heard).split("RELOADING=1")[1]
    module.write_text(ANSWER, encoding="ascii")
    server.send(signal.SIGHUP)
    told.wait_for("READY=1")
    told.close()


def test_a_refused_reload_is_told(serve: Serve, short_tmp: str, tmp_path: Path) -> None:
    told = Systemd(f"{short_tmp}/notify")
    configuration = tmp_path / "c.py"
    configuration.write_text("workers = 1", encoding="ascii")
    environment = {"NOTIFY_SOCKET": told.address}
    server = serve("site_app", "-c", str(configuration), environment=environment)
    told.wait_for("READY=1")
    configuration.write_text("workers = 'many'", encoding="ascii")
    server.send(signal.SIGHUP)
    told.wait_for("RELOADING=1")
    message = told.wait_for("READY=1")
    assert "STATUS=Reload refused: Invalid value for workers: 'many'" in message
    told.close()


def test_a_first_start_that_fails_is_never_ready(
    serve: Serve, short_tmp: str, tmp_path: Path
) -> None:
    told = Systemd(f"{short_tmp}/notify")
    (tmp_path / "broken.py").write_text("import a_module_that_is_not_there", encoding="ascii")
    environment = {"NOTIFY_SOCKET": told.address}
    server = serve("broken", cwd=tmp_path, environment=environment, tracebacks=True)
    assert server.wait() == 3
    told_at_all = "\n".join(told.rest())
    assert "STOPPING=1" in told_at_all
    assert "READY=1" not in told_at_all
    told.close()


def test_the_watchdog_is_fed_as_often_as_it_wants(serve: Serve, short_tmp: str) -> None:
    told = Systemd(f"{short_tmp}/notify")
    environment = {"NOTIFY_SOCKET": told.address, "WATCHDOG_USEC": "400000"}
    serve("site_app", environment=environment)
    for _ in range(5):
        told.wait_for("WATCHDOG=1")
    told.close()


def test_socket_activation(args: tuple[str, ...], serve: Serve) -> None:
    """Only the sockets that were handed over are used, whatever `bind` says."""
    server = serve("site_app", *args, program=(str(APPS / "activate.py"), "2"), bind=["[::1]:1"])
    found = server.log.wait_for(
        r"Listening at: http://127\.0\.0\.1:(\d+),http://127\.0\.0\.1:(\d+)"
    )
    for port in found.groups():
        with Client.tcp(int(port)) as client:
            client.get("/")
            assert client.response().body == b"hello"


def unit(name: str) -> configparser.ConfigParser:
    made = configparser.ConfigParser(strict=False, interpolation=None)
    # systemd's names keep their letters' case.
    made.optionxform = str  # type: ignore[assignment, method-assign]
    made.read(UNITS / name, encoding="ascii")
    return made


def test_the_units_say_what_the_server_does() -> None:
    service, sockets = unit("licorne.service"), unit("licorne.socket")
    assert service["Service"]["Type"] == "notify-reload"
    assert int(service["Service"]["WatchdogSec"]) > 0
    assert int(service["Service"]["TimeoutStopSec"]) > 30  # graceful_timeout
    assert "NotifyAccess" not in service["Service"]  # main: the master alone speaks
    assert service["Unit"]["Requires"] == "licorne.socket"
    assert sockets["Socket"]["ListenStream"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for name in ("licorne.service", "licorne.socket"):
        text = (UNITS / name).read_text(encoding="ascii")
        # The program and user of the example are not on this machine.
        text = text.replace("/srv/application/.venv/bin/licorne", "/bin/true")
        text = text.replace("User=www-data", "User=root")
        (tmp_path / name).write_text(text, encoding="ascii")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "licorne.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    said = checked.stdout + checked.stderr
    # An older systemd does not know notify-reload; it says so and goes on.
    complaints = [line for line in said.splitlines() if str(tmp_path) in line]
    assert [line for line in complaints if "notify-reload" not in line] == []
