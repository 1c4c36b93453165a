"""Control groups, read from folders that look like the kernel's, and from the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from licorne import cgroup
from licorne.cgroup import memory_group, physical_memory, processors

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


CPU_V1 = "4:memory:/\n1:cpu,cpuacct:/box/app\n0::/\n"


@pytest.mark.parametrize(
    ("listing", "files", "allowed"),
    [
        (V2, {"box/app/cpu.max": "max 100000\n"}, 64),
        (V2, {"box/app/cpu.max": "200000 100000\n"}, 2),
        (V2, {"box/app/cpu.max": "150000 100000\n"}, 2),
        (V2, {"box/app/cpu.max": "5000 100000\n"}, 1),
        (V2, {"box/app/cpu.max": "max 100000\n", "box/cpu.max": "300000 100000\n"}, 3),
        (V2, {"box/app/cpu.max": "9900000 100000\n"}, 64),
        (V2, {"cpu.max": "400000 100000\n"}, 4),
        (V2, {"cpu.max": "nonsense\n"}, 64),
        (V2, {}, 64),
        ("", {}, 64),
        (CPU_V1, {"cpu/box/app/cpu.cfs_quota_us": "-1\n"}, 64),
        (
            CPU_V1,
            {"cpu/box/cpu.cfs_quota_us": "250000\n", "cpu/box/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        (CPU_V1, {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_processors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listing: str,
    files: dict[str, str],
    allowed: int,
) -> None:
    monkeypatch.setattr(cgroup, "_usable", lambda: 64)
    (tmp_path / "cgroup").write_text(listing)
    for name, content in files.items():
        path = tmp_path / "mount" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert processors(str(tmp_path / "cgroup"), str(tmp_path / "mount")) == allowed


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_the_affinity_counts() -> None:
    one = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, [{one}])\n"
        "from licorne.cgroup import processors; print(processors())"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert told.stdout == b"1\n"


def folder_and_limits() -> tuple[Path, dict[str, str]] | None:
    """Where a group for the processors can be made, and what allows it half a processor."""
    mount = Path("/sys/fs/cgroup")
    if (mount / "cpu/cgroup.procs").exists():
        return mount / "cpu", {"cpu.cfs_quota_us": "50000"}
    try:
        controllers = (mount / "cgroup.subtree_control").read_text().split()
    except OSError:
        return None
    return (mount, {"cpu.max": "50000 100000"}) if "cpu" in controllers else None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups")
def test_a_quota_of_the_kernels() -> None:
    """A group with half a processor, and a server in it."""
    found = folder_and_limits()
    if found is None:
        pytest.skip("the kernel offers no group for the processors here")
    top, limits = found
    group = top / f"licorne-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made: {error}")
    try:
        for name, limit in limits.items():
            (group / name).write_text(limit)
        code = (
            f"import os; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
            "from licorne.config import Config\n"
            "cfg = Config(); cfg.set('workers', 'auto'); print(cfg.workers)"
        )
        told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        assert told.stdout == b"1\n"
    finally:
        group.rmdir()
