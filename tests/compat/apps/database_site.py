"""A connection that must belong to the process that uses it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import config_site  # type: ignore[import-not-found]  # beside it when it is served

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compat.apps.config_site import Environ, StartResponse


class Database:
    """Knows the process that connected."""

    def __init__(self) -> None:
        self.owner = 0
        self.connect()

    def connect(self) -> None:
        """Connect from this process."""
        self.owner = os.getpid()

    def close(self) -> None:
        """Let go."""
        config_site.tell("closed the database")
        self.owner = 0


database = Database()


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The site, as long as the connection is this process's own."""
    if database.owner != os.getpid():
        raise ConnectionError(f"a connection of process {database.owner}")
    answer: Iterable[bytes] = config_site.app(environ, start_response)
    return answer
