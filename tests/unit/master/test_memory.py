"""Which workers are above the memory limit, and which the kernel killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.cgroup import MemoryGroup
from licorne.master import memory

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


@pytest.mark.parametrize(
    ("setting", "limit"), [(0, None), (512, 512), ("40%", 400), ("0.5%", 5), ("100%", 1000)]
)
def test_the_setting_in_bytes(setting: int | str, limit: int | None) -> None:
    assert memory.in_bytes(setting, 1000) == limit


@pytest.mark.parametrize(
    ("above", "sizes", "after"),
    [
        ({}, {1: 9, 2: 10}, {}),
        ({}, {1: 11}, {1: 1}),
        ({1: 1}, {1: 11}, {1: 2}),
        # Once below, it counts anew; a worker that is gone is forgotten.
        ({1: 1, 2: 5}, {1: 10}, {}),
    ],
)
def test_judge(above: dict[int, int], sizes: dict[int, int], after: dict[int, int]) -> None:
    assert memory.judge(above, sizes, limit=10) == after


def test_the_second_sample_counts() -> None:
    monitor = memory.MemoryMonitor(10)
    sizes = {1: 11, 2: 3}
    assert monitor.look(sizes, 100.0, sizes.get) == []
    assert monitor.look(sizes, 100.5, sizes.get) == []
    assert monitor.look(sizes, 101.0, sizes.get) == [1]
    assert monitor.look(sizes, 101.9, sizes.get) == []
    assert monitor.look(sizes, 102.0, sizes.get) == [1]
    assert monitor.last(1) == 11


def test_without_a_limit_there_is_nothing_to_look_at() -> None:
    monitor = memory.MemoryMonitor(None)
    assert monitor.look([1], 1.0, {1: 5}.get) == []
    assert monitor.last(1) is None
    assert monitor.wake_after() is None


def test_oom_kills_are_counted_from_the_start(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom_kill 3\n")
    (tmp_path / "memory.max").write_text("1000\n")
    monitor = memory.MemoryMonitor(
        None, MemoryGroup([str(tmp_path)], "memory.max", "memory.events")
    )
    assert not monitor.oom_killed()
    events.write_text("oom_kill 4\n")
    assert monitor.oom_killed()
    assert not monitor.oom_killed()
    assert monitor.group_limit() == 1000


def test_without_a_group_it_is_unknown() -> None:
    monitor = memory.MemoryMonitor(None)
    assert not monitor.oom_killed()
    assert monitor.group_limit() is None


@pytest.mark.parametrize(
    ("size", "text"), [(512 * MIB, "512.0 MiB"), (3 << 30, "3.00 GiB"), (None, "unknown")]
)
def test_sizes_for_people(size: int | None, text: str) -> None:
    assert memory.shown(size) == text
