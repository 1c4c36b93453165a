"""The table of commands: complete, and particular about arguments."""

from __future__ import annotations

import pytest

from licorne.ctl import commands
from licorne.ctl.answer import Refused

#: Every command of gunicornc 27.
GUNICORNC = (
    "show all", "show workers", "show dirty", "show config", "show stats", "show listeners",
    "worker add", "worker remove", "worker kill", "dirty add", "dirty remove", "reload", "reopen",
    "shutdown", "help",
)  # fmt: skip


@pytest.mark.parametrize("words", GUNICORNC)
def test_gunicorncs_words_are_known(words: str) -> None:
    given = [*words.split(), *(["1"] if words == "worker kill" else [])]
    assert commands.find(given)[0].words == words


def test_each_command_says_what_it_is() -> None:
    assert len(commands.BY_WORDS) == len(commands.COMMANDS)
    for command in commands.COMMANDS:
        assert command.help
        assert command.words == command.words.lower()


def test_words_and_arguments_are_told_apart() -> None:
    command, arguments = commands.find(["Worker", "ADD", "3"])
    assert (command.words, arguments) == ("worker add", ["3"])
    assert commands.find(["shutdown", "quick"])[1] == ["quick"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "help"),
        (["frob"], "help"),
        (["worker"], "worker kill PID"),
        (["worker", "frob"], "worker add"),
        (["show", "nothing"], "show stats"),
        (["worker", "kill"], "worker kill PID"),
        (["worker", "add", "1", "2"], r"worker add \[N\]"),
        (["status", "now"], "status"),
    ],
)
def test_a_mistake_is_told_with_the_way_out(words: list[str], hint: str) -> None:
    with pytest.raises(Refused, match=hint):
        commands.find(words)
