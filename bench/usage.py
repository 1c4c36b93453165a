"""What a tree of processes has used: processor time and memory, read from /proc.

Processor time is user and system time of all processes of the tree, as the kernel accounts it
(100 ticks a second, scaled from the exact run time, so a run of 3 s is good to half a percent).
Memory is PSS: pages shared between n processes count 1/n in each.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
#: Positions after the command name in /proc/PID/stat (proc(5) counts them from 3).
PARENT, USER, SYSTEM, REAPED_USER, REAPED_SYSTEM = 1, 11, 12, 13, 14


@dataclass(frozen=True)
class Times:
    """Processor time in seconds."""

    user: float
    system: float

    def __sub__(self, other: Times) -> Times:
        return Times(self.user - other.user, self.system - other.system)


def tree(root: int) -> list[int]:
    """The process and all its descendants that live now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[PARENT]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def times(root: int) -> Times:
    """Processor time of the tree so far, with that of children it has reaped."""
    user = system = 0
    for pid in tree(root):
        if fields := _stat(pid):
            user += int(fields[USER]) + int(fields[REAPED_USER])
            system += int(fields[SYSTEM]) + int(fields[REAPED_SYSTEM])
    return Times(user * TICK, system * TICK)


def run_ns(root: int) -> int:
    """Processor time that the threads of the tree have had so far: exact, from `schedstat`."""
    total = 0
    for pid in tree(root):
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(thread.read_text(encoding="ascii").split()[0])
    return total


def switches(root: int) -> int:
    """Context switches, asked for or not, of the threads of the tree so far."""
    total = 0
    for pid in tree(root):
        for thread in Path(f"/proc/{pid}/task").glob("*/status"):
            lines = thread.read_text(encoding="ascii", errors="replace").splitlines()
            total += sum(int(line.split()[1]) for line in lines if "ctxt_switches:" in line)
    return total


def pss(pid: int) -> int:
    """Proportional set size of one process in KB; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def tree_pss(root: int) -> int:
    """Sum of the proportional set sizes of the tree in KB."""
    return sum(pss(pid) for pid in tree(root))


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
