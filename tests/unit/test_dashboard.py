"""The dashboard for Grafana: it asks for what the server tells, and for nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "licorne.json"
NAME = re.compile(r"\blicorne_\w+")
#: What a histogram has for each of its names.
PARTS = re.compile(r"_(?:bucket|count|sum)$")

Json = dict[str, object]


def dashboard() -> Json:
    return cast("Json", json.loads(DASHBOARD.read_text(encoding="utf-8")))


def panels() -> list[Json]:
    """Those that show something."""
    return [each for each in cast("list[Json]", dashboard()["panels"]) if each["type"] != "row"]


def expressions() -> list[str]:
    annotations = cast("dict[str, list[Json]]", dashboard()["annotations"])["list"]
    targets = [target for panel in panels() for target in cast("list[Json]", panel["targets"])]
    return [cast("str", each["expr"]) for each in targets + annotations]


def told() -> set[str]:
    """The names in the tables of the reference."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `licorne_")]
    return {name for row in rows for name in NAME.findall(row)}


def test_it_asks_only_for_what_is_told() -> None:
    names = {PARTS.sub("", name) for text in expressions() for name in NAME.findall(text)}
    assert len(names) > 20
    assert names <= told()


def test_the_reference_tells_what_the_server_has() -> None:
    """Each is in the code, where a counter has its name without the suffix."""
    code = (ROOT / "python" / "licorne" / "metrics" / "collect.py").read_text(encoding="utf-8")
    stems = {name.removesuffix("_total").removesuffix("_info") for name in told()}
    made = {f"licorne_{name}" for name in re.findall(r'"(\w+)"', code)} | set(NAME.findall(code))
    assert stems <= made


@pytest.mark.parametrize("text", expressions())
def test_an_expression_is_promql_of_the_chosen_servers(text: str) -> None:
    """As Grafana's own linter has it: each selector has job and instance, each range its own."""
    parser = pytest.importorskip("promql_parser")
    parser.parse(text.replace("$__rate_interval", "5m"))
    assert len(NAME.findall(text)) == text.count('{job=~"$job", instance=~"$instance"')
    assert set(re.findall(r"\[(.*?)\]", text)) <= {"$__rate_interval", "1m"}


def test_every_panel_says_what_it_shows() -> None:
    for panel in panels():
        defaults = cast("dict[str, Json]", panel["fieldConfig"])["defaults"]
        assert panel["title"], panel
        assert panel["description"], panel
        assert defaults["unit"], panel
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    numbers = [panel["id"] for panel in cast("list[Json]", dashboard()["panels"])]
    assert len(set(numbers)) == len(numbers)


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in cast("list[Json]", dashboard()["panels"]):
        at = cast("dict[str, int]", panel["gridPos"])
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
