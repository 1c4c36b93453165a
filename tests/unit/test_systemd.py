"""What systemd offers: a real datagram socket takes its place."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from licorne import systemd
from licorne.config import Config
from licorne.glogging import Logger
from licorne.systemd import SystemdNotifier, WorkerCounts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Listener:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """The messages so far; a datagram of this machine is there when `send` returns."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages


@pytest.fixture
def log() -> Logger:
    return Logger(Config())


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    path = str(tmp_path / "n.sock")
    made = Listener(path)
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    yield made
    made.socket.close()


def test_sockets_meant_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    monkeypatch.setenv("LISTEN_FDNAMES", "public:admin")
    assert systemd.listen_fds(unset_environment=False) == 2
    assert systemd.listen_fds() == 2
    assert not {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} & set(os.environ)
    assert systemd.listen_fds() == 0


def test_sockets_meant_for_our_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    assert systemd.listen_fds() == 0


def test_notify(monkeypatch: pytest.MonkeyPatch, listener: Listener, log: Logger) -> None:
    systemd.sd_notify("READY=1", log)
    assert listener.heard() == ["READY=1"]
    systemd.sd_notify("STOPPING=1", log, unset_environment=True)
    assert listener.heard() == ["STOPPING=1"]
    assert "NOTIFY_SOCKET" not in os.environ
    systemd.sd_notify("READY=1", log)
    assert listener.heard() == []
    monkeypatch.setenv("NOTIFY_SOCKET", "")


def test_an_abstract_address(monkeypatch: pytest.MonkeyPatch, log: Logger) -> None:
    name = f"licorne-test-{os.getpid()}"
    made = Listener(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    systemd.sd_notify("READY=1", log)
    assert made.heard() == ["READY=1"]
    made.socket.close()


def test_a_deaf_systemd_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Logger
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "absent"))
    systemd.sd_notify("READY=1", log)


def test_a_barrier_is_passed_when_all_was_read(listener: Listener, log: Logger) -> None:
    systemd.sd_notify("READY=1", log)
    thread = threading.Thread(target=systemd.sd_notify_barrier, args=(20,))
    thread.start()
    listener.socket.setblocking(True)
    assert listener.socket.recv(4096) == b"READY=1"
    message, (descriptor,), _, _ = socket.recv_fds(listener.socket, 4096, 2)
    assert message == b"BARRIER=1"
    assert thread.is_alive()
    os.close(descriptor)
    thread.join()


def test_a_barrier_for_a_reader_that_knows_none(listener: Listener) -> None:
    """Descriptors that are not asked for are closed by the kernel."""
    thread = threading.Thread(target=systemd.sd_notify_barrier, args=(20,))
    thread.start()
    listener.socket.setblocking(True)
    assert listener.socket.recv(4096) == b"BARRIER=1"
    thread.join()


def test_a_barrier_that_is_never_read(listener: Listener) -> None:
    with pytest.raises(TimeoutError, match=r"has not read its messages within 0\.01 s"):
        systemd.sd_notify_barrier(0.01)
    assert listener.heard() == ["BARRIER=1"]


def test_nothing_is_told_unless_asked(monkeypatch: pytest.MonkeyPatch, log: Logger) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    notifier = SystemdNotifier(log)
    assert not notifier.enabled
    assert notifier.wake_after(time.monotonic()) is None
    notifier.reloading()
    notifier.look(WorkerCounts(wanted=1, serving=1))


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("3000000", "own", 1.5),
        ("3000000", "", 1.5),
        ("3000000", "parent", None),
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
    ],
)
def test_which_process_is_watched(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    pids = {"own": str(os.getpid()), "parent": str(os.getppid())}
    monkeypatch.setenv("WATCHDOG_PID", pids.get(pid, pid))
    assert systemd.watchdog_interval() == seconds


def test_signs_of_life(monkeypatch: pytest.MonkeyPatch, listener: Listener, log: Logger) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    notifier = SystemdNotifier(log)
    now = time.monotonic()
    assert notifier.wake_after(now) == 0
    notifier.live(now)
    assert notifier.wake_after(now) == 10
    notifier.live(now + 9)
    assert listener.heard() == ["WATCHDOG=1"]
    notifier.live(now + 10)
    assert listener.heard() == ["WATCHDOG=1"]


def test_ready_when_the_first_worker_serves(listener: Listener, log: Logger) -> None:
    notifier = SystemdNotifier(log)
    notifier.look(WorkerCounts(wanted=2, serving=0, booting=2))
    assert listener.heard() == ["STATUS=0 of 2 workers serve, 2 starting"]
    notifier.look(WorkerCounts(wanted=2, serving=1, booting=1))
    assert listener.heard() == ["READY=1\nSTATUS=1 of 2 workers serve, 1 starting"]
    notifier.look(WorkerCounts(wanted=2, serving=1, booting=1))
    assert listener.heard() == []
    notifier.look(WorkerCounts(wanted=2, serving=2))
    assert listener.heard() == ["STATUS=2 of 2 workers serve"]


def test_a_server_without_workers_is_ready(listener: Listener, log: Logger) -> None:
    SystemdNotifier(log).look(WorkerCounts(wanted=0, serving=0))
    assert listener.heard() == ["READY=1\nSTATUS=0 of 0 workers serve"]


def test_after_a_reload_ready_means_that_the_new_generation_serves(
    listener: Listener, log: Logger
) -> None:
    notifier = SystemdNotifier(log)
    notifier.look(WorkerCounts(wanted=2, serving=2))
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    told = listener.heard()[-1].splitlines()
    assert told[0] == "RELOADING=1"
    assert before <= int(told[1].removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    notifier.look(WorkerCounts(wanted=2, serving=0, older=2, booting=1))
    notifier.look(WorkerCounts(wanted=2, serving=1, older=1, leaving=1))
    notifier.look(WorkerCounts(wanted=2, serving=2, older=1))
    assert [each for each in listener.heard() if "READY" in each] == []
    notifier.look(WorkerCounts(wanted=2, serving=2, leaving=1))
    assert listener.heard() == ["READY=1\nSTATUS=2 of 2 workers serve, 1 leaving"]


def test_a_refused_reload_is_over_at_once(listener: Listener, log: Logger) -> None:
    notifier = SystemdNotifier(log)
    notifier.look(WorkerCounts(wanted=1, serving=1))
    notifier.reloading()
    listener.heard()
    notifier.refused("a line\nand another")
    assert listener.heard() == ["READY=1\nSTATUS=Reload refused: a line and another"]
    notifier.look(WorkerCounts(wanted=1, serving=1))
    assert listener.heard() == []


def test_a_reload_refused_before_any_worker_serves_says_not_ready(
    listener: Listener, log: Logger
) -> None:
    notifier = SystemdNotifier(log)
    notifier.reloading()
    listener.heard()
    notifier.refused("why")
    assert listener.heard() == ["STATUS=Reload refused: why"]
    notifier.look(WorkerCounts(wanted=2, serving=1))
    assert listener.heard() == ["READY=1\nSTATUS=1 of 2 workers serve"]


def test_the_end_is_told_once_and_nothing_is_ready_after_it(
    listener: Listener, log: Logger
) -> None:
    notifier = SystemdNotifier(log)
    notifier.look(WorkerCounts(wanted=1, serving=0, leaving=1, stopping=True))
    assert listener.heard() == ["STOPPING=1\nSTATUS=0 of 1 workers serve, 1 leaving"]
    notifier.look(WorkerCounts(wanted=1, serving=1, stopping=True))
    assert listener.heard() == ["STATUS=1 of 1 workers serve"]


def test_the_main_process_changes(listener: Listener, log: Logger) -> None:
    SystemdNotifier(log).main_pid(4711)
    assert listener.heard() == ["MAINPID=4711"]
