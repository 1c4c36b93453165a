"""Tells when and where it was loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOADED_IN = os.getpid()
os.write(2, b"app: loaded\n")


def application(
    _environ: dict[str, object], start_response: Callable[..., object]
) -> Iterable[bytes]:
    """Answer the process that loaded this module."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(LOADED_IN).encode()]
