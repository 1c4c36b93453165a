"""What systemd offers."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from licorne import systemd
from licorne.config import Config
from licorne.glogging import Logger

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_sockets_meant_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    assert systemd.listen_fds(unset_environment=False) == 2
    assert systemd.listen_fds() == 2
    assert "LISTEN_FDS" not in os.environ
    assert systemd.listen_fds() == 0


def test_sockets_meant_for_our_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    assert systemd.listen_fds() == 0


def test_notify(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "n.sock"
    log = Logger(Config())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        systemd.sd_notify("READY=1", log)
        assert told.recv(100) == b"READY=1"
        systemd.sd_notify("STOPPING=1", log, unset_environment=True)
        assert told.recv(100) == b"STOPPING=1"
    assert "NOTIFY_SOCKET" not in os.environ
    systemd.sd_notify("READY=1", log)


def test_a_deaf_systemd_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    systemd.sd_notify("READY=1", Logger(Config()))
