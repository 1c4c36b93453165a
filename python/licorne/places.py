"""SO_REUSEPORT: one set of listening sockets for each worker, held by the master.

The kernel spreads connections over the sets, and a set that is closed takes its waiting connections
with it. So the master keeps them open: a new worker comes to the place of the one it replaces, and
for a moment both serve it.
"""

from __future__ import annotations

from licorne import sock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

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
        starts = range(0, len(first), size)
        self._sets = {place: first[start : start + size] for place, start in enumerate(starts)}

    def __getitem__(self, place: int) -> list[BaseSocket]:
        """The sockets of a place; opened when it is the first time."""
        if place not in self._sets:
            # Where the others really listen: port 0 must mean the same port for all.
            names = [each.getsockname() for each in self.first()]
            self._sets[place] = [sock.listen(name, self._cfg, self._log) for name in names]
        return self._sets[place]

    def __iter__(self) -> Iterator[int]:
        """The numbers of the places that are open."""
        return iter(sorted(self._sets))

    def first(self) -> list[BaseSocket]:
        """One set that stands for all."""
        return self._sets[min(self._sets)]

    def all(self) -> list[BaseSocket]:
        """Every socket, set by set."""
        return [each for place in self for each in self._sets[place]]

    def settle(self, wanted: int, used: Collection[int]) -> None:
        """Close what nobody serves and nobody will: connections must not queue there.

        `used` are the places of workers that serve or will. A worker that leaves for good takes in
        what its set has queued: the master's copy is closed before the worker is told.
        """
        empty = [place for place in self if place not in used]
        kept = max(wanted - len(set(used)), int(len(empty) == len(self._sets)))
        for place in empty[kept:]:
            sock.close_sockets(self._sets.pop(place), unlink=False)


def choose(
    wanted: int, staying: Sequence[int], leaving: Sequence[int], opened: Iterable[int]
) -> int:
    """The place of the next worker: an empty one, else that of the worker it will replace.

    `staying` are the places of workers that are not to be replaced, `leaving` those of the others,
    in the order in which they go, `opened` those that have sockets.
    """
    used = {*staying, *leaving}
    empty = [place for place in opened if place not in used]
    if len(used) < wanted:
        return empty[0] if empty else min(set(range(wanted + 1)) - used)
    for place in leaving:
        if place not in staying:
            return place
    return min(used, key=staying.count, default=0)
