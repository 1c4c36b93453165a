"""The list of scenarios is true: every worker type runs every one, or is excepted with a reason."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import WORKERS
from e2e.once import once
from e2e.scenarios import EXCEPTIONS, SCENARIOS

#: Where tests run under each worker type.
FOLDERS = (Path(__file__).parent, Path(__file__).parents[1] / "faults")
ITEM = re.compile(r"^\S*?(\w+)\.py::(\w+)(?:\[(.*)\])?$", re.MULTILINE)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The tests with the worker types that each of them runs under."""
    items = once(tmp_path_factory, "collected", collect) / "items"
    found: dict[str, set[str]] = {}
    for module, function, parameters in ITEM.findall(items.read_text(encoding="utf-8")):
        words = set(parameters.split("-"))
        found.setdefault(f"{module}::{function}", set()).update(words & set(WORKERS))
    return found


def collect(folder: Path) -> None:
    """Each with its parameters, as pytest finds them: not as they may have been meant."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *map(str, FOLDERS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (folder / "items").write_text(done.stdout, encoding="utf-8")


def test_about_a_hundred() -> None:
    tests = [test for topic in SCENARIOS.values() for test in topic.values()]
    assert len(tests) == len(set(tests)), "a test plays one scenario"
    assert len(tests) >= 60


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("topic", SCENARIOS)
def test_every_worker_type_runs_every_scenario(
    collected: dict[str, set[str]], topic: str, worker: str
) -> None:
    missing = {
        name: test
        for name, test in SCENARIOS[topic].items()
        if worker not in collected.get(test, ())
    }
    assert missing == {}


def test_an_exception_names_a_worker_type_a_test_and_a_reason(
    collected: dict[str, set[str]],
) -> None:
    for worker, tests in EXCEPTIONS.items():
        for test, reason in tests.items():
            # tests/faults runs under fewer types.
            assert worker in WORKERS, worker
            assert collected[test], test
            assert reason, test
