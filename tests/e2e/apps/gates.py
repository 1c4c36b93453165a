"""How an application waits for the test: at a pipe with a name, in the way of its worker type.

`select` is what gevent and eventlet replace by a wait that lets other greenlets run; a read of a
pipe would hold all of them up.
"""

from __future__ import annotations

import os
import select


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
