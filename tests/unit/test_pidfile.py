"""The file with the master's process id."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from licorne.pidfile import Pidfile

if TYPE_CHECKING:
    from pathlib import Path


def test_written_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    pidfile = Pidfile(str(path))
    pidfile.create(4711)
    assert path.read_text() == "4711\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]
    pidfile.unlink()
    assert not path.exists()
    pidfile.unlink()


def test_a_living_server_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    path.write_text("1\n")
    with pytest.raises(RuntimeError, match="Already running on PID 1 "):
        Pidfile(str(path)).create(os.getpid())


@pytest.mark.parametrize("content", ["", "words", "0"])
def test_nonsense_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.pid"
    path.write_text(content)
    Pidfile(str(path)).create(4711)
    assert path.read_text() == "4711\n"


def test_a_dead_server_is_replaced(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path = tmp_path / "x.pid"
    path.write_text(f"{ended.pid}\n")
    Pidfile(str(path)).create(4711)
    assert path.read_text() == "4711\n"


def test_what_another_has_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    pidfile = Pidfile(str(path))
    pidfile.create(4711)
    path.write_text("99\n")
    pidfile.unlink()
    assert path.read_text() == "99\n"


def test_renamed(tmp_path: Path) -> None:
    pidfile = Pidfile(str(tmp_path / "x.pid"))
    pidfile.create(4711)
    pidfile.rename(str(tmp_path / "y.pid"))
    assert list(tmp_path.iterdir()) == [tmp_path / "y.pid"]


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Can't create pidfile"):
        Pidfile(str(tmp_path / "no" / "x.pid")).create(1)
