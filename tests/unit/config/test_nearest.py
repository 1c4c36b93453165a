"""Mistaken names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.config import sources
from licorne.config.nearest import distance, meant, slip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("a", "b", "steps"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("abc", "xyz", 3)],
)
def test_distance(a: str, b: str, steps: int) -> None:
    assert distance(a, b) == distance(b, a) == steps


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("worker", "workers"),
        ("Log-Level", "loglevel"),
        ("access_logfile", "accesslog"),
        ("keep_alive", "keepalive"),
        ("env", "raw_env"),
        ("gracefull_timout", "graceful_timeout"),
        ("qqqqqqqq", None),
    ],
)
def test_meant(name: str, setting: str | None) -> None:
    assert meant(name) == setting


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("worker", "workers"),
        ("gracefull_timout", "graceful_timeout"),
        ("when_redy", "when_ready"),
        ("host", None),
        ("cores", None),
        ("WORKERS", None),
    ],
)
def test_slip(name: str, setting: str | None) -> None:
    assert slip(name) == setting


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("worker = 3", True),
        ("def when_redy(server): pass", True),
        ("log_level = 'x'\nloglevel = log_level", False),
        ("import threading as thread", False),
        ("class threadz: pass", False),
        ("_workers = 3\nport = 8000\nWORKERS = 4", False),
    ],
)
def test_a_file_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, warned: bool
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(text)
    sources.of_file(str(tmp_path / "gunicorn.conf.py"))
    told = capsys.readouterr().err
    assert ("is not a setting and has no effect; did you mean" in told) == warned
    assert told.count("\n") == warned
