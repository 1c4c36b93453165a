"""Command lines: split into options, and found in Procfiles, Dockerfiles, units and scripts."""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import NamedTuple

from licorne.migrate.rows import Given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from licorne.migrate.rows import Row

#: The commands that are looked for.
SERVERS = ("gunicorn", "uvicorn", "granian", "hypercorn", "uwsgi")
#: Where a command of a shell ends.
_CONTROL = re.compile(r"[;&|()]+|\d*[<>]+&?\d*-?")
_SUBSTITUTED = re.compile(r"\$\(\s*(\w+)[^()]*\)")
_VARIABLE = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
#: Before a server's name, what makes it a word among others.
_TALK = {"install", "add", "import", "from", "echo", "COPY", "FROM", "which"}
#: What stands before a command: Procfile, Dockerfile, systemd, Compose, supervisor.
_BEFORE = re.compile(
    r"^\s*(?:-\s+)?(?:(?:CMD|ENTRYPOINT)\s+|Exec(?:Start)?\s*=\s*[-@:+!]*|command\s*[:=]\s*|"
    r"[\w-]+:\s+|\$\s+)?"
)


class Command(NamedTuple):
    """A server's command line, its variables, and where it was found."""

    server: str
    words: list[str]
    variables: list[str]
    where: str


def command(words: Sequence[str], where: str) -> Command | None:
    """The server's command in some words: behind variables, `exec`, `python -m` and the like."""
    start = 0
    for index, word in enumerate(words):
        name = os.path.basename(word)
        if _CONTROL.fullmatch(word):
            start = index + 1
        # `pip install gunicorn` and `import uvicorn` are no start of a server.
        elif name in SERVERS and not _TALK & set(words[start:index]):
            ends = [i for i, each in enumerate(words) if i > index and _CONTROL.fullmatch(each)]
            rest = list(words[index + 1 : ends[0] if ends else len(words)])
            variables = [each for each in words[start:index] if _VARIABLE.fullmatch(each)]
            return Command(name, rest, variables, where)
    return None


def found(path: str, content: str) -> Iterator[Command]:
    """The servers' command lines in a file."""
    for number, line in _logical_lines(content):
        if line.lstrip().startswith(("#", ";", "//")) or not any(s in line for s in SERVERS):
            continue
        made = command(_split(line), f"{path}:{number}")
        if made is not None and made.words:
            yield made


def _logical_lines(content: str) -> Iterator[tuple[int, str]]:
    """Lines, those that end with a backslash joined, by the number of the first."""
    start, gathered = 1, ""
    for number, line in enumerate(content.splitlines(), 1):
        if not gathered:
            start = number
        if line.rstrip().endswith("\\"):
            gathered += line.rstrip()[:-1] + " "
            continue
        yield start, gathered + line
        gathered = ""
    if gathered:
        yield start, gathered


def _split(line: str) -> list[str]:
    body = _BEFORE.sub("", line, count=1).strip()
    if body.startswith("["):
        try:
            words = json.loads(body)
        except ValueError:  # the list of a language other than JSON
            words = None
        if isinstance(words, list):
            return _of_list([str(each) for each in words])
    # `$(nproc)` is a value that only the shell knows, as `$NAME` is.
    body = _SUBSTITUTED.sub(r"${\1}", body)
    lexer = shlex.shlex(body, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quote that ends elsewhere: this is no whole command
        return []
    return _of_list(words)


def _of_list(words: list[str]) -> list[str]:
    """The words; those of the script that `sh -c` was given in their place."""
    for index, word in enumerate(words[:-1]):
        if word in {"-c", "-lc", "-ec"} and any("sh" in each for each in words[:index]):
            return _split(words[index + 1])
    return words


def options(
    words: Sequence[str], table: Mapping[str, Row], short: Mapping[str, str], where: str
) -> tuple[list[Given], list[str]]:
    """The options among the words by their long names, and the other words."""
    given: list[Given] = []
    others: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-") or word == "-":
            others.append(word)
            continue
        name, equals, value = word.partition("=")
        if not name.startswith("--") and name[:2] in short:
            # `-w4` and `-w=4`.
            value, equals = (value, equals) if len(name) == 2 else (word[2:], "=")
            name = name[:2]
        name = short.get(name, name)
        row = table.get(name)
        if equals:
            given.append(Given(name, value, where))
        elif row is not None and row.switch:
            given.append(Given(name, True, where))
        elif waiting and (row is not None or not waiting[0].startswith("-")):
            # Of an option that is not known, the next word may be the value, or the application.
            taken = row is not None or ":" not in waiting[0]
            given.append(Given(name, waiting.pop(0) if taken else True, where))
        else:
            given.append(Given(name, True, where))
    return given, others
