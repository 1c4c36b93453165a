"""What the kernel's memory controller says about this process: its limit, and its OOM kills.

Both versions: cgroup v2 (`memory.max`, `memory.events`) and v1 (`memory.limit_in_bytes`,
`memory.oom_control`). See Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
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
    rows = [row.split(":", 2) for row in _read(listing).splitlines() if row.count(":") >= 2]
    for _, controllers, path in rows:
        if "memory" in controllers.split(","):
            top = os.path.join(mount, "memory")
            return MemoryGroup(_upwards(top, path), "memory.limit_in_bytes", "memory.oom_control")
    for number, controllers, path in rows:
        if number == "0" and not controllers:
            return MemoryGroup(_upwards(mount, path), "memory.max", "memory.events")
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
