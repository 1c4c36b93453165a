"""`python -m licorne.django FOLDERS [OPTIONS] [ADDRPORT]`: what `manage.py licorne` becomes.

FOLDERS are those that the project's modules are found in, DJANGO_SETTINGS_MODULE names the project.
"""

from __future__ import annotations

import os
import sys

from licorne.app import django_wsgi
from licorne.app.base import Application

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from _typeshed.wsgi import WSGIApplication as WSGIApp

#: runserver's short forms of an address.
HOSTS = {"": "127.0.0.1", "0": "0.0.0.0"}


class ManagedApplication(Application):
    """The application of the project that manage.py is about."""

    def init(self, parser: ArgumentParser, opts: Namespace, args: list[str]) -> None:
        """Listen where runserver would; the name of the processes is that of the settings."""
        if len(args) > 1:
            parser.error(f"give one address at most, not {' '.join(args)}")
        if args:
            # As a flag, so that it wins over a configuration file's. Flags that the command line
            # cannot mean have no place in `opts`.
            opts.bind = [*(getattr(opts, "bind", None) or []), address(args[0])]
        settings = os.environ.get(django_wsgi.VARIABLE, "")
        self.cfg.set("default_proc_name", settings, origin=django_wsgi.VARIABLE)

    def load(self) -> WSGIApp:
        """Set Django up and take its application: with `-k asgi`, that of ASGI_APPLICATION."""
        if self.cfg.worker_class_str == "asgi":
            return django_wsgi.make_asgi_application()  # type: ignore[return-value]
        return django_wsgi.make_wsgi_application()


def address(addrport: str) -> str:
    """What runserver means by `8000`, `0:8000` and `HOST:8000`, as a value of `bind`."""
    host, _, port = addrport.rpartition(":")
    if not port.isdigit():
        return addrport
    return f"{HOSTS.get(host, host)}:{port}"


def main() -> None:
    """Serve the project of the environment."""
    folders = sys.argv.pop(1)
    django_wsgi.look_first(folder for folder in folders.split(os.pathsep) if folder)
    ManagedApplication("%(prog)s [OPTIONS] [ADDRPORT]", prog="manage.py licorne").run()


if __name__ == "__main__":
    main()
