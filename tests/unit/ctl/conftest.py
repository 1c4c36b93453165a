"""Fixtures of the control socket's tests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def short_path() -> Iterator[str]:
    """A path with room in a socket's address, in a folder that is not there yet."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield str(Path(folder) / "sub" / "x.ctl")
