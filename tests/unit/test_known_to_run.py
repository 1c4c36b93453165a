"""The page of what is known to run: each row names a test that is there, or has a date."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "known-to-run.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
HEADINGS = ("| application |", "| what |", "| how |")


def test_each_row_can_be_checked() -> None:
    rows = [row for row in ROWS if not row.startswith(HEADINGS)]
    assert len(rows) > 20
    for row in rows:
        tried = re.search(r"\| \d{4}-\d\d-\d\d \| `.*licorne .*`", row)
        assert tried or re.search(r"`tests/\w+/\w+\.py`|\| all \|$", row), row


def test_the_tests_are_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", PAGE))
    assert len(named) > 8
    assert not [path for path in sorted(named) if not (ROOT / path).is_file()]
