"""The memory cgroup, read from folders that look like the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.system.cgroup import memory_group, physical_memory

if TYPE_CHECKING:
    from pathlib import Path

V1 = "4:memory:/box/app\n1:cpu:/\n0::/\n"
V2 = "0::/box/app\n"


def group(tmp_path: Path, listing: str, files: dict[str, str]) -> object:
    (tmp_path / "cgroup").write_text(listing)
    for name, content in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    found = memory_group(str(tmp_path / "cgroup"), str(tmp_path / "mount"))
    assert found is not None
    return found.limit(), found.oom_kills()


def test_version_2(tmp_path: Path) -> None:
    files = {
        "box/app/memory.max": "max\n",
        "box/memory.max": "1048576\n",
        "box/app/memory.events": "low 0\nhigh 0\nmax 4\noom 2\noom_kill 3\noom_group_kill 0\n",
        "box/memory.events": "oom_kill 9\n",
    }
    assert group(tmp_path, V2, files) == (1048576, 3)


def test_version_1(tmp_path: Path) -> None:
    files = {
        "memory/box/app/memory.limit_in_bytes": "2097152\n",
        "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/box/app/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    }
    assert group(tmp_path, V1, files) == (2097152, 1)


def test_a_container_sees_its_own_group_at_the_mount(tmp_path: Path) -> None:
    files = {"memory.max": "4194304\n", "memory.events": "oom_kill 0\n"}
    assert group(tmp_path, V2, files) == (4194304, 0)


def test_no_limit_is_none(tmp_path: Path) -> None:
    files = {"box/app/memory.max": f"{physical_memory() * 2}\n"}
    assert group(tmp_path, V2, files) == (None, None)


@pytest.mark.parametrize("listing", ["", "1:cpu:/\n", "nonsense\n"])
def test_no_memory_controller(tmp_path: Path, listing: str) -> None:
    (tmp_path / "cgroup").write_text(listing)
    assert memory_group(str(tmp_path / "cgroup"), str(tmp_path)) is None


def test_no_cgroups_at_all(tmp_path: Path) -> None:
    assert memory_group(str(tmp_path / "absent"), str(tmp_path)) is None
