"""The fixtures of the end-to-end tests; each test here brings its own files."""

from __future__ import annotations

from compat.distribution import commands
from e2e.conftest import fifo, fifos, serve, short_tmp

__all__ = ["commands", "fifo", "fifos", "serve", "short_tmp"]
