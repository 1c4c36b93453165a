"""The master's loop: one wait for everything that can happen, without a thread.

Every part of the master registers its descriptors here, each with a function. Signals and workers
wake the wait through a pipe.
"""

from __future__ import annotations

import math
import os
import select

from licorne import util
from licorne.system import unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """Descriptors, and what to do when something happens to them."""

    def __init__(self) -> None:
        #: The wake-up pipe; empty before `open`.
        self.pipe: tuple[int, int] | tuple[()] = ()
        self._watched: dict[int, Callable[[int], None]] = {}
        # poll, not select: the number of a descriptor may be high beside many inherited sockets.
        self._poller = unpatched.poll()

    def open(self) -> int:
        """Make the wake-up pipe, anew if there is one; the value is the end to write to."""
        self.close()
        self.pipe = os.pipe()
        reader, writer = self.pipe
        for fd in self.pipe:
            util.set_non_blocking(fd)
        self.watch(reader, self._woken)
        return writer

    def close(self) -> None:
        """Give up the wake-up pipe."""
        for fd in self.pipe[:1]:
            self.unwatch(fd)
        for fd in self.pipe:
            unpatched.close(fd)
        self.pipe = ()

    def leave(self) -> None:
        """In a forked process that only wakes the master: close the end to read from."""
        for fd in self.pipe[:1]:
            unpatched.close(fd)
        self.pipe = ()

    def watch(self, fd: int, react: Callable[[int], None], mask: int = select.POLLIN) -> None:
        """Call `react` with the poll events of a descriptor; once more to change them."""
        self._watched[fd] = react
        self._poller.register(fd, mask)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor, before it is closed."""
        del self._watched[fd]
        self._poller.unregister(fd)

    def wait(self, seconds: float | None) -> None:
        """Wait so long for something to happen, and react; None: for as long as it takes."""
        events = self._poller.poll(None if seconds is None else math.ceil(seconds * 1000))
        for fd, mask, react in [(fd, mask, self._watched[fd]) for fd, mask in events]:
            # One reaction may have taken another's descriptor away, or given its number to a new
            # one, of which this event says nothing.
            if self._watched.get(fd) is react:
                react(mask)

    def _woken(self, _mask: int) -> None:
        # What was written says nothing: signals are in a queue, readiness is on the scoreboard.
        for fd in self.pipe[:1]:
            os.read(fd, 65536)
