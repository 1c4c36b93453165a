"""What all unit tests share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _loggers_propagate_again() -> Iterator[None]:
    """Undo what a logger of the server sets.

    pytest puts a handler of its own on loggers that do not propagate, in front of those that the
    next test of the process gives it.
    """
    yield
    for name in ("error", "access"):
        logging.getLogger(f"gunicorn.{name}").propagate = True
