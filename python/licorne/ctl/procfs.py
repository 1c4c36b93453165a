"""What the kernel tells about a process (proc(5)): memory and processor time. Linux only."""

from __future__ import annotations

import os

from licorne import memory
from licorne.supervisor.record import Record


class Usage(Record):
    """Bytes and seconds; None where this system does not tell."""

    rss: int | None = None
    #: Resident memory with shared pages divided among those who share them.
    pss: int | None = None
    cpu: float | None = None
    #: Seconds since the process was started.
    age: float | None = None


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
        pss=memory.proportional(pid) if proportional else None,
        cpu=(int(fields[11]) + int(fields[12])) / ticks,
        age=round(max(0.0, now - int(fields[19]) / ticks), 2),
    )
