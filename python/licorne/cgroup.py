"""What the kernel's control groups say about this process: memory, OOM kills, processors.

Both versions: cgroup v2 (`memory.max`, `memory.events`, `cpu.max`) and v1
(`memory.limit_in_bytes`, `memory.oom_control`, `cpu.cfs_quota_us`). See the kernel's
Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst and scheduler/sched-bwc.rst.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class MemoryGroup:
    """The memory cgroup of a process: its folder first, then those it lies in."""

    def __init__(self, folders: Sequence[str], limit: str, events: str) -> None:
        self._folders = folders
        self._limit = limit
        self._events = events

    def limit(self) -> int | None:
        """The lowest limit in bytes that holds for the process; None without one."""
        texts = [_read(os.path.join(folder, self._limit)) for folder in self._folders]
        # v2 writes `max` for no limit, v1 a number beyond all memory.
        numbers = [int(text) for text in texts if text.strip().isdigit()]
        real = [number for number in numbers if number < physical_memory()]
        return min(real) if real else None

    def oom_kills(self) -> int | None:
        """How many processes of the group the OOM killer has ended; None if unknown."""
        for folder in self._folders:
            for line in _read(os.path.join(folder, self._events)).splitlines():
                name, _, number = line.partition(" ")
                if name == "oom_kill" and number.strip().isdigit():
                    return int(number)
        return None


def memory_group(
    listing: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup"
) -> MemoryGroup | None:
    """The group that bounds this process; None where the kernel shows none."""
    found = _group("memory", listing, mount)
    if found is None:
        return None
    version, folders = found
    if version == 1:
        return MemoryGroup(folders, "memory.limit_in_bytes", "memory.oom_control")
    return MemoryGroup(folders, "memory.max", "memory.events")


def processors(listing: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup") -> int:
    """How many processors this process may use: those of its affinity, within its cgroup's quota.

    A part of a processor counts as one: 1.5 are two.
    """
    usable = _usable()
    found = _group("cpu", listing, mount)
    if found is None:
        return usable
    version, folders = found
    quotas = map(_quota if version == 2 else _quota_v1, folders)
    whole = [-(-quota // period) for quota, period in quotas if quota > 0]
    return max(1, min([usable, *whole]))


def _usable() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(folder: str) -> tuple[int, int]:
    """Microseconds of processor time in a period; zero for no limit. `cpu.max` is `max 100000`."""
    words = _read(os.path.join(folder, "cpu.max")).split()
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
        return int(words[0]), int(words[1]) or 1
    return 0, 1


def _quota_v1(folder: str) -> tuple[int, int]:
    """The same of version 1, where a quota of -1 is none."""
    quota = _read(os.path.join(folder, "cpu.cfs_quota_us")).strip()
    period = _read(os.path.join(folder, "cpu.cfs_period_us")).strip()
    if quota.isdigit() and period.isdigit():
        return int(quota), int(period) or 1
    return 0, 1


def _group(controller: str, listing: str, mount: str) -> tuple[int, list[str]] | None:
    """The version of cgroups that has the controller, and the folders of the process's group."""
    rows = [row.split(":", 2) for row in _read(listing).splitlines() if row.count(":") >= 2]
    for _, controllers, path in rows:
        if controller in controllers.split(","):
            # Mounted together, they have a link by the name of each.
            return 1, _upwards(os.path.join(mount, controller), path)
    for number, controllers, path in rows:
        if number == "0" and not controllers:
            return 2, _upwards(mount, path)
    return None


def physical_memory() -> int:
    """The machine's memory in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _upwards(top: str, path: str) -> list[str]:
    """The folder of the group and those above it, up to the mount.

    In a container without a namespace of its own the path is the host's and does not exist: then
    what is mounted is the container's group itself.
    """
    parts = [part for part in path.split("/") if part and part != ".."]
    folders = [os.path.join(top, *parts[:count]) for count in range(len(parts), -1, -1)]
    return [folder for folder in folders if os.path.isdir(folder)]


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:  # not this version of cgroups, or the root group, which has no limit
        return ""
