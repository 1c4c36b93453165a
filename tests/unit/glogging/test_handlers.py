"""Logs that cannot be written: told once, and never the end of anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.glogging import Logger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the error log: in a folder of its own, that can be moved away."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "error.log"


@pytest.fixture
def log(path: Path) -> Iterator[Logger]:
    cfg = Config()
    cfg.set("errorlog", str(path))
    yield Logger(cfg)
    cfg.set("errorlog", None)
    Logger(cfg)


@linux
def test_a_full_disk_is_told_of_once(
    log: Logger, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.unlink()
    path.symlink_to("/dev/full")
    log.reopen_files()
    for _ in range(3):
        log.info("lost")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"Cannot write the log {path}: [Errno 28]")
    path.unlink()
    log.reopen_files()
    log.info("written")
    assert "written" in path.read_text(encoding="utf-8")
    path.unlink()
    path.symlink_to("/dev/full")
    log.reopen_files()
    log.info("lost")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_that_cannot_be_reopened_stays(log: Logger, path: Path) -> None:
    moved = path.parent.rename(path.parent.with_name("moved"))
    log.reopen_files()
    log.info("after")
    text = (moved / path.name).read_text(encoding="utf-8")
    assert "Cannot reopen a log file, the old one stays in use: [Errno 2]" in text
    assert "after" in text
