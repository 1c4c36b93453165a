"""uvicorn's worker on a loop that the tests choose."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker


class AutoWorker(UvicornWorker):
    """On the loop that uvicorn chooses."""


class AsyncioWorker(UvicornWorker):
    """On asyncio's own loop."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "asyncio", "http": "auto"}


class UvloopWorker(UvicornWorker):
    """On uvloop."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "uvloop", "http": "auto"}
