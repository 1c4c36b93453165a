"""What went with a worker: its requests in hand, and whether the kernel's OOM killer took it.

What did not go with it are the last lines of its access log: they are written here.
"""

from __future__ import annotations

import os

from licorne.master import memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from licorne._engine import InFlight
    from licorne.glogging import Logger
    from licorne.system.process import Ended


def write_lines(log: Logger, lines: bytes) -> None:
    """Write the access log lines of answers that the worker had given before it ended."""
    if not lines:
        return
    stream = getattr(log.access_handler, "stream", None)
    if stream is None:
        return
    try:
        stream.flush()
        while lines:
            lines = lines[os.write(stream.fileno(), lines) :]
    except OSError as error:
        text = "Cannot write the last %d bytes of a worker's access log: %s"
        log.error(text, len(lines), error)  # noqa: TRY400 - the message says all


def tell_requests(log: Logger, pid: int | str, requests: Sequence[InFlight]) -> None:
    """One line for each request that ended with its worker."""
    for lost in requests:
        if lost.overdue:
            # Answered, and told of.
            continue
        log.error(
            # What was not begun may be repeated, whatever its method.
            "Worker (pid:%s) lost a request: %s %s from %s, %s %.3f s before",
            pid,
            lost.method,
            lost.target,
            lost.peer or "-",
            "not begun, read" if lost.waiting else "begun",
            lost.age,
        )


def tell_reading(log: Logger, pid: int | str, peer: str | None) -> None:
    """The line for a request that may have been taken from the kernel, and had no name yet."""
    if peer is not None:
        log.error("Worker (pid:%s) may have lost a request: it was being read from %s", pid, peer)


def tell_oom(log: Logger, what: str, end: Ended, limit: int | None, in_hand: str) -> None:
    """The line for a process that the kernel killed for want of memory."""
    log.error(
        "%s (pid:%s) was killed by the kernel's OOM killer: RSS was %s of limit %s; in flight: %s",
        what,
        end.pid,
        memory.shown(end.peak),
        memory.shown(limit),
        in_hand,
    )


def tell_limit(log: Logger, pid: int, monitor: memory.MemoryMonitor, in_hand: str) -> None:
    """The line for a worker that has more memory than it may have."""
    log.warning(
        "Worker (pid:%s) has %s of memory (max_worker_memory is %s); in flight: %s",
        pid,
        memory.shown(monitor.last(pid)),
        memory.shown(monitor.limit),
        in_hand,
    )
