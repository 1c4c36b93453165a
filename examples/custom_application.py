"""A program that brings its own server: settings as values, the application as an object.

python examples/custom_application.py 127.0.0.1:8000

`BaseApplication` never reads the command line, the environment or a file: all is in `options`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from licorne.app.base import BaseApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Application = Callable[
        [dict[str, object], Callable[[str, list[tuple[str, str]]], object]], Iterable[bytes]
    ]


class StandaloneApplication(BaseApplication):
    """Serves an object with the settings that it is given."""

    def __init__(self, application: Application, options: Mapping[str, object]) -> None:
        self.application = application
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        """Set the options."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """The object itself: nothing has to be imported."""
        return self.application


def greeting(text: str) -> Application:
    """An application that says one thing."""
    body = text.encode()
    head = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]

    def application(
        environ: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        del environ
        start_response("200 OK", head)
        return [body]

    return application


if __name__ == "__main__":
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000"
    options = {"bind": address, "workers": 2, "worker_class": "gthread", "threads": 4}
    StandaloneApplication(greeting("Hello from a program of its own\n"), options).run()
