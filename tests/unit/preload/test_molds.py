"""The molds as the master sees them: what one says is heard, whatever else happens."""

from __future__ import annotations

import socket
import time

from licorne.preload import mold
from licorne.preload.molds import Mold, Molds
from licorne.system.process import Ended


class Owner:
    """Counts how often a new mold has taken the place of another."""

    changes = 0

    def mold_ready(self) -> None:
        self.changes += 1


def test_a_mold_that_is_ready_when_a_worker_ends_takes_its_place() -> None:
    owner = Owner()
    molds = Molds(owner, time.monotonic)  # type: ignore[arg-type]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        coming = Mold(1, ours, 0.0)
        molds._molds[1] = molds._coming = coming
        theirs.send(mold.READY)
        assert not molds.ended(Ended(2, 0))
        assert owner.changes == 1
