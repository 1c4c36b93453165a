"""After an upgrade: what systemd is told, and by which process. A real socket takes its place."""

from __future__ import annotations

import array
import os
import signal
import socket
import struct
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.glogging import Logger
from licorne.master import mainpid
from licorne.system import process
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="systemd, and SO_PASSCRED, are Linux's"),
    # pytest-xdist's workers have a thread; what is forked here does not touch it.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
SIGNALS = [signal.SIGTERM]


class Systemd:
    """Its end of NOTIFY_SOCKET: messages with the processes that sent them."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(PATIENCE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.heard: list[tuple[int, str]] = []
        #: The senders that had ended when their message was read.
        self.ended: list[int] = []

    def read(self) -> None:
        """Read until a barrier has come, and open it."""
        while not self.heard or self.heard[-1][1] != "BARRIER=1":
            text, ancillary, _, _ = self._socket.recvmsg(4096, 1024)
            fds = array.array("i")
            for _, kind, data in ancillary:
                if kind == socket.SCM_RIGHTS:
                    fds.frombytes(data)
                else:
                    pid = struct.unpack("3i", data)[0]
            self.heard.append((pid, text.decode()))
            if pid != os.getpid() and os.waitid(
                os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                self.ended.append(pid)
            for each in fds:
                os.close(each)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Logger:
    made = Logger(Config())
    made.error_log.addHandler(caplog.handler)
    return made


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    path = str(tmp_path / "n.sock")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    return path


def test_a_helper_is_the_main_process_in_between(
    address: str, log: Logger, caplog: pytest.LogCaptureFixture
) -> None:
    systemd = Systemd(address)
    thread = threading.Thread(target=systemd.read)
    thread.start()
    mainpid.announce_again(log, SIGNALS, lambda: None)
    thread.join()
    systemd.close()
    helper = systemd.heard[-1][0]
    assert systemd.heard == [
        (os.getpid(), f"MAINPID={helper}"),
        (helper, f"MAINPID={os.getpid()}"),
        (helper, "BARRIER=1"),
    ]
    assert helper != os.getpid()
    # It lived until all was read, and was reaped then.
    assert systemd.ended == []
    assert not process.is_child(helper)
    assert caplog.messages == []


def test_nothing_listens(address: str, log: Logger, caplog: pytest.LogCaptureFixture) -> None:
    mainpid.announce_again(log, SIGNALS, lambda: None)
    (said,) = caplog.messages
    assert f"Cannot notify systemd at {address!r}: [Errno 2]" in said
    # The helper ends by itself; the master reaps it with its other children.
    os.wait()


def test_systemd_takes_its_time(
    address: str,
    log: Logger,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mainpid, "PATIENCE", 0.01)
    systemd = Systemd(address)
    mainpid.announce_again(log, SIGNALS, lambda: None)
    (said,) = caplog.messages
    assert said.startswith("systemd may not know")
    assert "no answer within 0.01 s" in said
    # The helper has gone on, so that the master is the main process in the end.
    systemd.read()
    systemd.close()
    told = [text for _, text in systemd.heard]
    assert told[1:] == [f"MAINPID={os.getpid()}", "BARRIER=1"]
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0


def test_a_helper_that_fails(address: str, log: Logger, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise OSError("the reason")

    systemd = Systemd(address)
    mainpid.announce_again(log, SIGNALS, fails)
    systemd.close()
    assert ": the reason. Until the service is restarted" in caplog.messages[0]
