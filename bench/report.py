"""Tables for people and JSON for the record, from the medians of all rounds."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from bench.server import RESPONDER

if TYPE_CHECKING:
    from pathlib import Path

    from bench.scenario import Measure, Scenario

#: Columns where more is better; in those not named in either set there is no best.
MORE = {"requests/s", "slow/s", "messages/s", "opened/s"}
LESS = {
    *("event ms", "switches/s", "processor ms", "first ms", "later ms"),
    *("p99 ms", "user µs", "system µs", "cpu µs", "steady cpu µs", "PSS MB", "start ms"),
    *("start p99 ms", "start p50 ms", "start max ms"),
    *("difference, kept", "difference, new", "total s, kept", "total s, new", "slow p99 ms"),
    *("fast p99 ms", "fast p50 ms", "fast max ms", "worker PSS MB", "all PSS MB", "KB/connection"),
}


@dataclass
class Row:
    """All rounds of one server in one scenario; grows while the run goes on."""

    server: str
    rounds: list[Measure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def value(self, column: str) -> float | None:
        """Median of the rounds that have the figure."""
        values = [m.values[column] for m in self.rounds if column in m.values]
        return median(values) if values else None

    def remark(self) -> str:
        """What a reader must know beside the figures."""
        remarks = [measure.remark for measure in self.rounds if measure.remark]
        return "; ".join(dict.fromkeys(remarks + self.failures))


def table(scenario: Scenario, rows: list[Row]) -> str:
    """One scenario as text: each figure, and its ratio to the best Python server's in brackets."""
    shown = [
        column for column in scenario.columns if any(r.value(column) is not None for r in rows)
    ]
    best = {column: _best(column, rows) for column in shown}
    order = sorted(rows, key=lambda row: _rank(scenario, row))
    limit = next((r.value("cpu µs") for r in rows if r.server == RESPONDER), None)
    header = ["server", *shown, *(["cpu / C"] if limit else []), ""]
    lines = [header]
    for row in order:
        cells = [row.server]
        cells += [_cell(row.value(column), best[column]) for column in shown]
        if limit:
            cpu = row.value("cpu µs")
            cells.append(f"{cpu / limit:.2f}" if cpu else "-")
        lines.append([*cells, row.remark()])
    return f"\n{scenario.name}: {scenario.title}\n\n{_aligned(lines)}\n"


def write_json(folder: Path, facts: dict[str, object], results: dict[str, list[Row]]) -> Path:
    """The whole run as JSON, with every round."""
    folder.mkdir(exist_ok=True)
    path = folder / time.strftime("%Y%m%d-%H%M%S.json")
    document = {
        "facts": facts,
        "scenarios": {
            name: {
                row.server: {
                    "rounds": [measure.values for measure in row.rounds],
                    "median": {
                        column: row.value(column)
                        for column in dict.fromkeys(c for m in row.rounds for c in m.values)
                    },
                    "remark": row.remark(),
                }
                for row in rows
            }
            for name, rows in results.items()
        },
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def _best(column: str, rows: list[Row]) -> float | None:
    peers = [row.value(column) for row in rows if row.server != RESPONDER]
    values = [value for value in peers if value is not None and value >= 0]
    if not values or column not in MORE | LESS:
        return None
    return max(values) if column in MORE else min(values)


def _rank(scenario: Scenario, row: Row) -> tuple[bool, bool, float]:
    first = scenario.columns[0]
    value = row.value(first)
    number = value if value is not None and value >= 0 else float("inf")
    return (row.server != RESPONDER, value is None, -number if first in MORE else number)


def _cell(value: float | None, best: float | None) -> str:
    if value is None or value < 0:
        return "-"
    digits = 0 if value >= 1000 or value == int(value) else 1 if value >= 100 else 2
    text = f"{value:,.{digits}f}"
    return f"{text} ({value / best:.2f})" if best and best > 0 else text


def _aligned(lines: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(line[1:-1], widths[1:-1], strict=True)]
        out.append("  ".join([*cells, line[-1]]).rstrip())
    return "\n".join(out)
