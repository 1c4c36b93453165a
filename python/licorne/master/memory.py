"""The memory of the workers: which are above `max_worker_memory`, and OOM kills.

`judge` decides; the rest reads. What is compared is the resident set (RSS), which is cheap to
read. It counts pages that workers share (preload) in each of them; PSS does not.
"""

from __future__ import annotations

from licorne.cgroup import memory_group, physical_memory
from licorne.system.procfs import resident_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from licorne._engine import InFlight
    from licorne.cgroup import MemoryGroup
    from licorne.glogging import Logger

#: Seconds between two samples of a worker.
INTERVAL = 1.0
#: Samples in a row above the limit: one alone may be a single large response.
SAMPLES = 2


def monitor(setting: int | str, log: Logger) -> MemoryMonitor:
    """A monitor for `max_worker_memory`, whose meaning is told when it is a share."""
    group = memory_group()
    allowed = None if group is None else group.limit()
    whole = physical_memory() if allowed is None else allowed
    limit = in_bytes(setting, whole)
    if isinstance(setting, str):
        of = "the machine's memory" if allowed is None else "what the memory cgroup allows"
        told = "max_worker_memory: %s of %s (%s) is %s for each worker"
        log.info(told, setting, of, shown(whole), shown(limit))
    return MemoryMonitor(limit, group)


class MemoryMonitor:
    """How much each worker has, how often in a row it was above the limit; without one, nothing."""

    def __init__(self, limit: int | None, group: MemoryGroup | None = None) -> None:
        self.limit = limit
        self._group = group
        self._oom_kills = None if group is None else group.oom_kills()
        self._above: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._due = 0.0

    def look(
        self, pids: Iterable[int], now: float, read: Callable[[int], int | None] | None = None
    ) -> list[int]:
        """Sample the workers if it is time; those that have been above it often enough."""
        if self.limit is None or now < self._due:
            return []
        self._due = now + INTERVAL
        # A worker that has died but was not reaped has no memory any more.
        self._last = {pid: (read or resident_set)(pid) or 0 for pid in pids}
        self._above = judge(self._above, self._last, self.limit)
        return [pid for pid, times in self._above.items() if times >= SAMPLES]

    def wake_after(self) -> float | None:
        """Seconds until the next look; None if there is no limit."""
        return None if self.limit is None else INTERVAL

    def last(self, pid: int) -> int | None:
        """The RSS of a worker in the last sample."""
        return self._last.get(pid) or None

    def oom_killed(self) -> bool:
        """Whether the kernel has killed for want of memory since the last question."""
        before = self._oom_kills
        self._oom_kills = None if self._group is None else self._group.oom_kills()
        return before is not None and self._oom_kills is not None and self._oom_kills > before

    def group_limit(self) -> int | None:
        """The limit that the kernel enforces on all processes of the group together."""
        return None if self._group is None else self._group.limit()


def judge(above: Mapping[int, int], sizes: Mapping[int, int], limit: int) -> dict[int, int]:
    """How often in a row each worker has been above the limit, after one more sample."""
    return {pid: above.get(pid, 0) + 1 for pid, size in sizes.items() if size > limit}


def in_bytes(setting: int | str, whole: int) -> int | None:
    """The value of `max_worker_memory` in bytes; `NN%` is a share of the whole; None for 0."""
    if isinstance(setting, str):
        return int(whole * float(setting.removesuffix("%")) / 100)
    return setting or None


def shown(size: int | None) -> str:
    """A size for people: `512.0 MiB`."""
    if size is None:
        return "unknown"
    if size < 1 << 30:
        return f"{size / (1 << 20):.1f} MiB"
    return f"{size / (1 << 30):.2f} GiB"


def in_hand(requests: Iterable[InFlight]) -> str:
    """The requests of a worker for a line of the log: `GET /a (12.3 s), GET /b (waits 0.1 s)`."""
    told = (
        f"{each.method} {each.target} ({'waits ' if each.waiting else ''}{each.age:.1f} s)"
        for each in requests
    )
    return ", ".join(told) or "nothing"
