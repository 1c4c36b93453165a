"""The types of ASGI 3.0 (https://asgi.readthedocs.io/en/latest/specs/main.html).

For type checkers only: nothing imports this file while a server runs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, MutableMapping
from typing import Protocol

Scope = MutableMapping[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Coroutine[object, object, Message]]
Send = Callable[[Message], Coroutine[object, object, None]]
ASGIApplication = Callable[[Scope, Receive, Send], Coroutine[object, object, None]]


class Called(Protocol):
    """What can be called in some way."""

    def __call__(self, *args: object) -> object:
        """Call it."""
