"""What is derived from the declarations of the settings is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATE = ROOT / "tools" / "generate.py"


def test_nothing_is_stale() -> None:
    done = subprocess.run(
        [sys.executable, str(GENERATE), "--check"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_the_distribution_gunicorn_has_the_same_licence() -> None:
    assert (ROOT / "compat" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
