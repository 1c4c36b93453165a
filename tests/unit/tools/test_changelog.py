"""`tools/changelog`: the changelog from a file a change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BEFORE = """# Changelog

What changes.

## unreleased

- Was written here.

## 0.1.0 (2026-01-02)

### Features

- The first.
"""
AFTER = """# Changelog

What changes.

## unreleased

## 0.2.0 (2026-03-04)

### Features

- Was written here.
- Two lines are one.

### Fixes

- Mended.

## 0.1.0 (2026-01-02)

### Features

- The first.
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(BEFORE)
    (tmp_path / "Cargo.toml").write_text('version = "0.2.0"\n')
    changes = tmp_path / "changes"
    changes.mkdir()
    (changes / "README.md").write_text("About.\n")
    (changes / "two-lines.feature.md").write_text("Two lines\nare one.\n")
    (changes / "mended.fix.md").write_text("Mended.\n")
    return tmp_path


def changelog(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "changelog"), "--root", str(root), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_release(root: Path) -> None:
    refused = changelog(root, "check", "--released", "0.2.0")
    assert (refused.returncode, "has no section 0.2.0" in refused.stderr) == (1, True)
    assert changelog(root, "build", "0.2.0", "--date", "2026-03-04").returncode == 0
    assert (root / "CHANGELOG.md").read_text() == AFTER
    assert [path.name for path in (root / "changes").iterdir()] == ["README.md"]
    assert changelog(root, "check", "--released", "0.2.0").returncode == 0
    told = changelog(root, "notes", "0.2.0").stdout
    assert told.startswith("### Features\n\n- Was written here.\n")
    assert told.endswith("- Mended.\n")
    again = changelog(root, "build", "0.2.0")
    assert "CHANGELOG.md has a section 0.2.0 already" in again.stderr


@pytest.mark.parametrize(
    ("words", "name", "text", "said"),
    [
        (["check"], "x.news.md", "A.\n", "x.news.md is no NAME.KIND.md with a kind of feature"),
        (["check"], "x.md", "A.\n", "x.md is no NAME.KIND.md"),
        (["check"], "x.fix.md", " \n", "x.fix.md: write sentences"),
        (["check"], "x.fix.md", "- A.\n", "x.fix.md: write sentences"),
        (["build", "next"], "x.fix.md", "A.\n", "'next' is no version"),
        (["notes", "9.9.9"], "x.fix.md", "A.\n", "CHANGELOG.md has no section 9.9.9"),
        (["check", "--released", "0.1.0"], "x.fix.md", "A.\n", "news wait in changes/:"),
    ],
)
def test_what_is_refused(root: Path, words: list[str], name: str, text: str, said: str) -> None:
    (root / "changes" / name).write_text(text)
    told = changelog(root, *words)
    assert (told.returncode, told.stdout) == (1, "")
    assert said in told.stderr


def test_a_version_that_the_crates_do_not_have(root: Path) -> None:
    assert changelog(root, "build", "0.3.0").returncode == 0
    told = changelog(root, "check", "--released", "0.3.0")
    assert "Cargo.toml has another version than 0.3.0" in told.stderr


def test_the_files_of_the_project_can_be_used() -> None:
    told = changelog(ROOT, "check")
    assert (told.returncode, told.stderr) == (0, "")
