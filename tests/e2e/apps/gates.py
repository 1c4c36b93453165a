"""How an application waits, in the way of its worker type: for the test, at a pipe with a name; for
other requests.

`select` is what gevent and eventlet replace by a wait that lets other greenlets run; a read of a
pipe would hold all of them up.
"""

# ruff: noqa: PLC0415 - most of what imports this has no loop, and asyncio is half of a start

from __future__ import annotations

import os
import select
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

#: Requests that wait for others: with threads or greenlets by their number, and on a loop.
MEETINGS: dict[int, threading.Barrier] = {}
WAITING: list[asyncio.Future[None]] = []
#: Seconds after which a request waits no more for others.
MEETS_WITHIN = 60


def wait_at(gate: str) -> None:
    """Until the pipe was opened for writing, and closed or written to."""
    # Without waiting here: the pipe becomes ready when its writer has come.
    pipe = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)
    try:
        select.select([pipe], [], [])
    finally:
        os.close(pipe)


def spin_at(gate: str) -> None:
    """The same, computing in Python; a look at the pipe, which lets others run, is rare."""
    pipe = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while not select.select([pipe], [], [], 0)[0]:
            for _ in range(500_000):
                pass
    finally:
        os.close(pipe)


def meet(count: int) -> None:
    """Until so many requests are here."""
    MEETINGS.setdefault(count, threading.Barrier(count)).wait(MEETS_WITHIN)


async def meet_on_loop(count: int) -> None:
    """The same on a loop."""
    import asyncio

    WAITING.append(asyncio.get_running_loop().create_future())
    mine = WAITING[-1]
    if len(WAITING) == count:
        for each in WAITING:
            each.set_result(None)
        WAITING.clear()
    await asyncio.wait_for(mine, MEETS_WITHIN)
