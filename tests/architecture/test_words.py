"""Words for people are not said of things: of no socket, process, request or test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "bench",
    "changes",
    "compat",
    "crates",
    "deploy",
    "docs",
    "examples",
    "python",
    "tests",
    "tools",
)
SUFFIXES = {
    ".1", ".c", ".conf", ".json", ".lua", ".md", ".py", ".pyi", ".rs", ".service", ".sh", ".socket",
    ".toml", ".yaml", "",
}  # fmt: skip
#: Also inside of names with underscores. systemd's `--kill-who` is what it is.
PEOPLE = re.compile(
    r"(?<![a-z])(?<!kill-)(?:who|whom|whoever|(?:no|some|any|every)(?:body|one))(?![a-z])",
    re.IGNORECASE,
)
#: These tell of the rule, or are not the project's words.
EXEMPT = {Path(__file__).resolve(), ROOT / "CONTRIBUTING.md", ROOT / "compat" / "LICENSE"}


def texts(folder: str) -> list[Path]:
    """Those of the project: what was installed is in hidden folders (`bench/.venv`)."""
    return [
        path
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SUFFIXES
        and path.is_file()
        and path not in EXEMPT
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]


def said(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = (number for number, line in enumerate(lines, 1) if PEOPLE.search(line))
    return [f"{path.relative_to(ROOT)}:{number}" for number in found]


@pytest.mark.parametrize("folder", FOLDERS)
def test_things_are_not_people(folder: str) -> None:
    paths = texts(folder)
    assert paths
    assert [each for path in paths for each in said(path)] == []


def test_pages_about_the_project() -> None:
    paths = [path for path in ROOT.glob("*.md") if path not in EXEMPT]
    assert paths
    assert [each for path in paths for each in said(path)] == []


@pytest.mark.parametrize("line", ["who asks", "fn who_waits()", "Nobody", "test_anyone_else"])
def test_the_words_are_found(line: str) -> None:
    assert PEOPLE.search(line)


@pytest.mark.parametrize("line", ["whose", "whole", "--kill-who=main", "no one"])
def test_other_words_are_not(line: str) -> None:
    assert PEOPLE.search(line) is None
