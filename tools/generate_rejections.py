"""docs/reference/rejections.md: every reason to refuse a peer, from the tables of crates/proto."""

from __future__ import annotations

import re
from pathlib import Path

CRATE = Path(__file__).resolve().parents[1] / "crates" / "proto" / "src"
ROW = re.compile(
    r"(?P<doc>(?:[ ]*///[^\n]*\n)+)[ ]*(?P<name>\w+) => (?P<number>\d+), "
    r'"(?P<message>[^"]+)", "(?P<section>[^"]+)";'
)
#: A link of rustdoc.
LINKED = re.compile(r"\[([^\]]+)\]\([^)]*\)")
TABLE = re.compile(r"^reject_table! \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
HEAD = """\
# Rejections

This page is generated from the parsers' tables (`make generate`).

A peer is refused for one of these reasons, before the application sees anything. The answer has the
status and the message; the log has the message, too. The rule is a section of a specification, or
the setting that demands it.
"""
#: The tables, in the order of their files: file, title, what the number is.
TABLES = (
    ("reject.rs", "Requests", "status"),
    ("ws/reject.rs", "WebSocket handshakes", "status"),
    ("ws/reject.rs", "WebSocket frames", "close code"),
)


def rejections() -> str:
    """The page."""
    parts = [HEAD]
    taken: dict[str, int] = {}
    for file, title, number in TABLES:
        tables = TABLE.findall((CRATE / file).read_text(encoding="utf-8"))
        rows = list(ROW.finditer(tables[taken.setdefault(file, 0)]))
        taken[file] += 1
        parts.append(f"\n## {title}\n\n| {number} | message | when | rule |\n|---|---|---|---|\n")
        parts.extend(map(_row, rows))
    return "".join(parts)


def _row(row: re.Match[str]) -> str:
    lines = (line.strip().removeprefix("///").strip() for line in row["doc"].splitlines())
    when = LINKED.sub(r"\1", " ".join(lines)).rstrip(".").replace("|", r"\|")
    return f"| {row['number']} | {row['message']} | {when} | {row['section']} |\n"
