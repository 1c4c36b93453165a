"""What the kernel tells about a process (proc(5)): memory and processor time. Linux only."""

from __future__ import annotations

import os


class Usage:
    """Bytes and seconds; None where this system does not tell."""

    __slots__ = ("age", "cpu", "pss", "rss")

    def __init__(
        self,
        rss: int | None = None,
        pss: int | None = None,
        cpu: float | None = None,
        age: float | None = None,
    ) -> None:
        #: Resident memory, and the same with shared pages divided by their users.
        self.rss, self.pss = rss, pss
        #: Processor time.
        self.cpu = cpu
        #: Seconds since the process was started.
        self.age = age


def usage(pid: int, proportional: bool) -> Usage:
    """What a process uses; `proportional` makes the kernel walk through all of its memory."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # After the name, which may contain anything: state is field 3.
            fields = stat.read().rpartition(b")")[2].split()
        with open("/proc/uptime", "rb") as uptime:
            now = float(uptime.read().split()[0])
    except OSError:
        return Usage()
    ticks = os.sysconf("SC_CLK_TCK")
    return Usage(
        rss=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
        pss=proportional_set(pid) if proportional else None,
        cpu=(int(fields[11]) + int(fields[12])) / ticks,
        age=round(max(0.0, now - int(fields[19]) / ticks), 2),
    )


def resident_set(pid: int) -> int | None:
    """The resident set of a process (proc_pid_statm(5)); None where it cannot be read."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # no /proc, the process is gone, or no descriptor is free for a look
        return None


def proportional_set(pid: int) -> int | None:
    """The resident set with shared pages divided by their users (PSS); dearer to read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # also where the process is another user's, or the kernel is too old
        return None
    return None
