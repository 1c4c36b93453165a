"""SO_REUSEPORT: one set of listening sockets for each worker, held by the master.

The kernel spreads connections over the sets, and a set that is closed takes its waiting connections
with it. So the master keeps them open: a new worker gets the set of the one it replaces, and
for a moment both serve it.
"""

from __future__ import annotations

from licorne import sock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from licorne.config import Config
    from licorne.config.convert import Address
    from licorne.glogging import Logger
    from licorne.sock import BaseSocket


class SocketSets:
    """The sets of sockets, by number."""

    def __init__(self, found: list[BaseSocket], cfg: Config, log: Logger) -> None:
        """`found` are the sockets of one set, or of several that another master has left."""
        self._cfg = cfg
        self._log = log
        same: dict[Address, list[BaseSocket]] = {}
        for each in found:
            same.setdefault(each.getsockname(), []).append(each)
        count = max(map(len, same.values()), default=1)
        #: What there is once, a unix socket, is in every set.
        self._sets = {
            number: [group[min(number, len(group) - 1)] for group in same.values()]
            for number in range(count)
        }

    def __getitem__(self, number: int) -> list[BaseSocket]:
        """The sockets of a set; opened when it is the first time."""
        if number not in self._sets:
            self._sets[number] = [self._beside(each) for each in self.first()]
        return self._sets[number]

    def _beside(self, first: BaseSocket) -> BaseSocket:
        # The kernel spreads TCP connections only; the file of a unix socket names one socket.
        if isinstance(first, sock.TCPSocket):
            return sock.reserve(first, self._cfg, self._log)
        return first

    def __iter__(self) -> Iterator[int]:
        """The numbers of the sets that are open."""
        return iter(sorted(self._sets))

    def first(self) -> list[BaseSocket]:
        """One set that stands for all."""
        return self._sets[min(self._sets)]

    def all(self) -> list[BaseSocket]:
        """Every socket, set by set; one that several sets share once."""
        return list(dict.fromkeys(each for number in self for each in self._sets[number]))

    def settle(self, wanted: int, used: Collection[int]) -> None:
        """Close sets that no worker serves or will serve: connections must not queue there.

        `used` are the sets of workers that serve or boot. A worker that is not replaced accepts
        what its set has queued: the master's copy is closed before the worker is told.
        """
        empty = [number for number in self if number not in used]
        kept = max(wanted - len(set(used)), int(len(empty) == len(self._sets)))
        for number in empty[kept:]:
            gone = self._sets.pop(number)
            shared = self.all()
            sock.close_sockets([each for each in gone if each not in shared], unlink=False)

    def choose(self, wanted: int, staying: Sequence[int], leaving: Sequence[int]) -> int:
        """The set of the next worker: an empty one, else that of the worker it will replace.

        `staying` are the sets of workers that are not to be replaced, `leaving` those of the
        others, in the order in which they go.
        """
        return choose(wanted, staying, leaving, self)


def choose(
    wanted: int, staying: Sequence[int], leaving: Sequence[int], opened: Iterable[int]
) -> int:
    """The set of the next worker: an empty one, else that of the worker it will replace.

    `staying` are the sets of workers that are not to be replaced, `leaving` those of the others,
    in the order in which they go, `opened` those that have sockets.
    """
    used = {*staying, *leaving}
    empty = [number for number in opened if number not in used]
    if len(used) < wanted:
        return empty[0] if empty else min(set(range(wanted + 1)) - used)
    for number in leaving:
        if number not in staying:
            return number
    return min(used, key=staying.count, default=0)
