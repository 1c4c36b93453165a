"""Where Python and Rust meet, both sides say the same."""

from __future__ import annotations

import re
from pathlib import Path

import licorne
from licorne import _engine
from licorne.app.base import BaseApplication
from licorne.glogging import Logger
from licorne.supervisor import causes
from licorne.workers.engine_config import EngineConfig, Kind, Wiring

ROOT = Path(__file__).resolve().parents[2]
CLASSES = (
    "BreakpointHook",
    "Counts",
    "Engine",
    "Exchange",
    "Refusal",
    "Reply",
    "RequestHead",
    "RequestReader",
    "InFlight",
    "Input",
    "Overdue",
    "Scoreboard",
    "TlsCertificate",
    "TlsStore",
    "TlsTerms",
    "WorkerSnapshot",
)


class Empty(BaseApplication):
    """An application without a configuration of its own."""

    def load_config(self) -> None:
        """Keep the defaults."""


def test_the_engine_reads_what_the_worker_writes() -> None:
    cfg = Empty().cfg
    written = vars(EngineConfig(cfg, Logger(cfg), [], Kind(), Wiring()))
    assert sorted(written) == sorted(_engine.Engine.CONFIG_FIELDS)


def test_one_table_of_causes() -> None:
    assert _engine.Scoreboard.RETIRE_CAUSES == causes.BY_CODE


def test_one_version() -> None:
    declared = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert declared is not None
    assert licorne.__version__ == _engine.__version__ == declared[1]


def test_the_stub_names_what_the_module_has() -> None:
    stub = (ROOT / "python/licorne/_engine.pyi").read_text(encoding="utf-8")
    for name in CLASSES:
        body = stub.partition(f"class {name}:")[2].partition("\n@final")[0]
        told = set(re.findall(r"def (\w+)\(", body))
        told |= set(re.findall(r"^    ([A-Z_]+):", body, re.MULTILINE))
        real = {each for each in vars(getattr(_engine, name)) if not each.startswith("__")}
        assert {each for each in told if not each.startswith("__")} == real, name
