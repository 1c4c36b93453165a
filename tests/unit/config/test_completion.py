"""What the Tab key offers. Each script is read by its shell, where that is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from licorne.app import subcommands
from licorne.config.completion import COMMANDS, SHELLS, script
from licorne.config.settings import OPTIONS
from licorne.migrate import command as migrate
from licorne.project import command as init

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
        (["mi"], ["migrate"]),
        (["init", "--"], ["--help", "--force"]),
        (["init", "fold"], []),
        (["migrate", "--f"], ["--from"]),
        (["migrate", "--from", "gr"], ["granian"]),
        (["migrate", "gunicorn.c"], []),
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


def test_the_commands_have_these_flags() -> None:
    """Their own parsers are above the settings, so that completion says it a second time."""
    assert tuple(each.name for each in COMMANDS) == subcommands.NAMES
    parsers = {"init": init._parser, "migrate": migrate._parser}
    for command in COMMANDS:
        actions = parsers[command.name]("licorne")._actions
        flags = {flag: action for action in actions for flag in action.option_strings}
        assert {name for name, _, _ in command.flags} == set(flags) - {"-h", "--help"}
        for name, _, values in command.flags:
            assert (values is None) == (flags[name].nargs == 0)
            assert tuple(flags[name].choices or ()) == (values or ())


def test_the_flag() -> None:
    command = [sys.executable, "-m", "licorne", "--completion"]
    told = subprocess.run([*command, "fish"], check=True, capture_output=True, text=True)
    assert told.stdout == script("fish")
    refused = subprocess.run([*command, "tcsh"], check=False, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "invalid choice: 'tcsh'" in refused.stderr
