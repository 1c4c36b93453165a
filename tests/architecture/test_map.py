"""ARCHITECTURE.md tells the truth: every path exists, every module is named."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAP = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`((?:crates|python|tests|bench|examples|docs|tools)/[^`\s]+)`", MAP))


def test_every_path_exists() -> None:
    missing = sorted(path for path in NAMED if not (ROOT / path).exists())
    assert not missing


def test_every_module_is_named() -> None:
    modules = {
        str(path.relative_to(ROOT))
        for folder, pattern in (("crates", "*/src/**/*.rs"), ("python", "licorne/**/*.py"))
        for path in (ROOT / folder).glob(pattern)
        if path.name != "tests.rs"
    }
    assert sorted(modules - NAMED) == []


def test_every_invariant_names_what_holds_it() -> None:
    text = MAP.partition("\n## Invariants\n")[2].partition("\n## ")[0]
    invariants = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(invariants) >= 10
    assert [each for each in invariants if not re.search(r"`(tests|crates)/[^`]+`", each)] == []
