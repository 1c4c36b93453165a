"""Which requests get no access line: `access_log_exclude` and `access_log_sample`.

`crates/net/src/access_log/exclude.rs` decides the same for lines that the engine writes.
"""

from __future__ import annotations

import itertools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = 2**64 - 1


class Exclude:
    """The rules: `/exact`, `/prefix*`, `404`, `2xx`, and the share of the rest that is kept."""

    def __init__(self, entries: Sequence[str], sample: float) -> None:
        # The paths of an environ are bytes as latin-1 (PEP 3333).
        paths = [each.encode().decode("latin-1") for each in entries if each.startswith("/")]
        self._exact = frozenset(each for each in paths if not each.endswith("*"))
        self._prefixes = tuple(each[:-1] for each in paths if each.endswith("*"))
        self._statuses = frozenset(each for each in entries if not each.startswith("/"))
        self._share = int(sample * ALL) if sample < 1 else None
        self._seen = itertools.count()

    def leaves_out(self, status: str, path: str) -> bool:
        """Whether the request with this status and decoded path gets no line."""
        return (
            status in self._statuses
            or status[:1] + "xx" in self._statuses
            or path in self._exact
            or path.startswith(self._prefixes)
            or (self._share is not None and status < "500" and not self._sampled(self._share))
        )

    def _sampled(self, share: int) -> bool:
        return mixed(next(self._seen)) < share


def mixed(number: int) -> int:
    """A number that looks random for each number: the finalizer of splitmix64."""
    z = (number + 1) * 0x9E3779B97F4A7C15 & ALL
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & ALL
    z = (z ^ z >> 27) * 0x94D049BB133111EB & ALL
    return z ^ z >> 31
