"""How many examples are tried."""

from __future__ import annotations

import os

#: `make test` tries one in so many, others each time; `make test-patient` all of them.
SHARE = 4


def examples(count: int) -> int:
    """All of `count` if THOROUGH is set in the environment, otherwise a part of them."""
    return count if os.environ.get("THOROUGH") else count // SHARE
