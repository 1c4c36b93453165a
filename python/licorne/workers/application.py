"""What a worker needs of the application that it serves; `app.base.BaseApplication` has it.

For type checkers only: nothing imports this file while a server runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Application(Protocol):
    """An application that is not loaded yet, or that a hook has loaded (gunicorn's names)."""

    #: The WSGI application, once it is loaded; hooks may set it before.
    callable: WSGIApplication | None

    def wsgi(self) -> WSGIApplication:
        """Load the application, once, and give it."""
