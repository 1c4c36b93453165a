"""How many examples are tried."""

from __future__ import annotations

import os

#: `make test` tries one in so many, others each time; `make test-patient` and CI all of them.
SHARE = 4


def examples(count: int) -> int:
    """All of `count` if ALL_EXAMPLES is set in the environment, otherwise a part of them."""
    return count if os.environ.get("ALL_EXAMPLES") else count // SHARE
