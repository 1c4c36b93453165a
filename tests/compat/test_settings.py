"""The settings of the real gunicorn, one by one, against ours.

The only exceptions are the rows of the table in docs/coming-from-gunicorn.md.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from compat import known
from licorne.config.settings import OPTIONS

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("gunicorn.config", reason="the real gunicorn is not installed")

NAMES = sorted(known.gunicorn())


def test_all_of_them() -> None:
    assert len(NAMES) == 120
    assert sum(bool(said["flags"]) for said in known.gunicorn().values()) == 95


@pytest.mark.parametrize("name", NAMES)
def test_flags(name: str) -> None:
    assert known.licorne()[name]["flags"] == known.gunicorn()[name]["flags"]


@pytest.mark.parametrize("name", NAMES)
def test_default(name: str) -> None:
    said, expected = known.licorne()[name]["default"], known.gunicorn()[name]["default"]
    if name in known.deliberate():
        return
    # Members of ssl's enumerations are numbers to us: nothing imports ssl for a default.
    assert said == expected or f": {said}>" in expected


@pytest.mark.parametrize("name", NAMES)
def test_values_that_gunicorn_takes(name: str) -> None:
    """What gunicorn accepts, licorne accepts, and it becomes the same value."""
    if name in known.deliberate():
        return
    pairs = zip(known.gunicorn()[name]["taken"], known.licorne()[name]["taken"], strict=True)
    values = known.POOL.split(", ")
    assert values
    differ = [
        (expected, said)
        for expected, said in pairs
        # None is "nothing said": gunicorn keeps it and falls over it, or takes it for false.
        if expected not in {None, "None"} and expected != said
    ]
    assert differ == []


def test_the_table_names_settings_that_differ() -> None:
    """No row is there for nothing."""
    assert known.deliberate() <= set(NAMES)
    assert known.deliberate()


def printed(package: str, cwd: Path) -> dict[str, str]:
    (cwd / "site_app.py").write_text("def app(environ, start_response): pass\n")
    told = subprocess.run(
        [sys.executable, "-m", package, "--print-config", "site_app:app"],
        check=True, capture_output=True, text=True, cwd=cwd, env=known.bare_environment(),
    )  # fmt: skip
    lines = (line.partition(" = ") for line in told.stdout.splitlines())
    return {name.strip(): value for name, _, value in lines}


def test_print_config(tmp_path: Path) -> None:
    expected, said = printed("gunicorn", tmp_path), printed("licorne", tmp_path)
    assert set(expected) <= set(said)
    differ = {
        name
        for name, value in expected.items()
        if not value.startswith("<") and said[name].partition("  # ")[0] != value
    }
    assert differ <= known.deliberate()


def test_help_has_every_flag_of_gunicorn(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "licorne", "--help-all"],
        check=True, capture_output=True, text=True, cwd=tmp_path, env=known.bare_environment(),
    ).stdout  # fmt: skip
    flags = {
        flag for name in NAMES for flag in known.gunicorn()[name]["flags"]
    } | {"--version", "-v", "--help", "-h", "--help-all"}  # fmt: skip
    assert sorted(flag for flag in flags if flag not in told) == []


def test_hooks_take_gunicorns_arguments() -> None:
    """A function of the right number of arguments is taken, any other is not."""
    hooks = [name for name in NAMES if known.gunicorn()[name]["default"] == "a function"]
    assert len(hooks) == 20
    assert [name for name in hooks if name not in OPTIONS] == []
