"""Ends its process when asked to: what a crash in C code looks like from outside."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def application(
    environ: dict[str, object], start_response: Callable[..., object]
) -> Iterable[bytes]:
    """Answer the process id, or crash."""
    if environ["PATH_INFO"] == "/crash":
        os._exit(9)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
