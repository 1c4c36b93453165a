"""What the Tab key offers. Each script is read by its shell, where that is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from licorne.config.completion import SHELLS, script
from licorne.config.settings import OPTIONS

FLAGS = [flag for option in OPTIONS.values() for flag in option.flags]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_flag_is_in_it(shell: str) -> None:
    text = script(shell)
    words = set(
        text.replace("|", " ").replace("[", " ").replace("'", " ").replace("*", " ").split()
    )
    words |= {f"--{name}" for name in words} | {f"-{name}" for name in words}
    assert [flag for flag in FLAGS if flag not in words and f"{flag})" not in text] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_its_shell_can_read_it(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [shell, "-n"], input=script(shell), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--header-map", ""], ["drop", "refuse", "dangerous"]),
        (["--header-map", "re"], ["refuse"]),
        (["--limit-request-l"], ["--limit-request-line"]),
        (["--completion", "z"], ["zsh"]),
        (["-w", "3"], ["3"]),
        (["-c", "x"], []),
    ],
)
def test_bash(words: list[str], offered: list[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    quoted = " ".join(f"'{word}'" for word in ["licorne", *words])
    ask = (
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _licorne; "
        'for each in "${COMPREPLY[@]}"; do echo "$each"; done'
    )
    told = subprocess.run(
        ["bash", "-c", script("bash") + ask], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == offered


def test_the_flag() -> None:
    command = [sys.executable, "-m", "licorne", "--completion"]
    told = subprocess.run([*command, "fish"], check=True, capture_output=True, text=True)
    assert told.stdout == script("fish")
    refused = subprocess.run([*command, "tcsh"], check=False, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "invalid choice: 'tcsh'" in refused.stderr
