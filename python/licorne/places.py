"""SO_REUSEPORT: one set of listening sockets for each worker, held by the master.

The kernel spreads connections over the sets, and a set that is closed takes its waiting connections
with it. So the master keeps them open: a new worker comes to the place of the one it replaces, and
for a moment both serve it.
"""

from __future__ import annotations

from licorne import sock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.sock import BaseSocket


class Places:
    """The sets of sockets, by number."""

    def __init__(self, first: list[BaseSocket], cfg: Config, log: Logger) -> None:
        """`first` are the sockets of one set, or of several that another master has left."""
        size = max(1, len(cfg.address))
        self._cfg = cfg
        self._log = log
        self._sets = [first[start : start + size] for start in range(0, len(first), size)]

    def __getitem__(self, place: int) -> list[BaseSocket]:
        """The sockets of a place; opened when it is the first time."""
        while len(self._sets) <= place:
            # Where the first set really listens: port 0 must mean the same port for all.
            names = [each.getsockname() for each in self._sets[0]]
            self._sets.append([sock.listen(name, self._cfg, self._log) for name in names])
        return self._sets[place]

    def all(self) -> list[BaseSocket]:
        """Every socket, set by set."""
        return [each for group in self._sets for each in group]

    def shrink(self, wanted: int, used: Iterable[int]) -> None:
        """Close the master's copies of places that nobody will come to any more."""
        least = max(1, wanted, *(place + 1 for place in used))
        while len(self._sets) > least:
            sock.close_sockets(self._sets.pop(), unlink=False)


def choose(wanted: int, staying: Sequence[int], leaving: Sequence[int]) -> int:
    """The place of the next worker: an empty one, else that of the worker it will replace.

    `staying` are the places of workers that are not to be replaced, `leaving` those of the others,
    in the order in which they go.
    """
    free = [place for place in range(wanted) if place not in staying]
    for place in (*(each for each in free if each not in leaving), *leaving, *free):
        if place in free:
            return place
    return min(range(max(1, wanted)), key=staying.count)
