"""The command of older guides, `gunicorn_django [OPTIONS] [SETTINGS_PATH]`.

It finds the settings module of a Django project and serves the project's WSGI application.
"""

from __future__ import annotations

import os
import sys

from licorne.app import django_wsgi
from licorne.app.base import Application
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping

    from _typeshed.wsgi import WSGIApplication as WSGIApp


class Project:
    """A Django project: the folder to import from, and the name of its settings module."""

    __slots__ = ("folder", "settings")

    def __init__(self, folder: str, settings: str) -> None:
        self.folder = folder
        self.settings = settings


def find(given: str | None, folder: str, environ: Mapping[str, str]) -> Project:
    """The project meant by a path or module name; without one, the environment's or folder's."""
    if given is None:
        return _project_here(folder, environ)
    path = os.path.join(folder, given)
    if os.path.isdir(path):
        path = os.path.join(path, "settings.py")
    if os.path.isfile(path):
        return _project_of(path)
    if all(part.isidentifier() for part in given.split(".")):
        return Project(folder, given)
    raise ConfigError(
        f"{given!r} is neither a settings file, nor a folder with settings.py, nor a module name "
        f"(in {folder})."
    )


def _project_here(folder: str, environ: Mapping[str, str]) -> Project:
    named = environ.get(django_wsgi.VARIABLE)
    if named:
        return Project(folder, named)
    inner = sorted(os.path.join(folder, name, "settings.py") for name in os.listdir(folder))
    found = [path for path in (os.path.join(folder, "settings.py"), *inner) if os.path.exists(path)]
    if len(found) != 1:
        seen = ", ".join(found) or "there is no settings.py here or one folder below"
        raise ConfigError(f"Name the settings of the Django project to serve: {seen}.")
    return _project_of(found[0])


def _project_of(path: str) -> Project:
    """From a file to a module: the packages that it lies in are part of the name."""
    folder, file = os.path.split(os.path.abspath(path))
    names = [os.path.splitext(file)[0]]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    return Project(folder, ".".join(names))


class DjangoApplication(Application):
    """The WSGI application of a Django project."""

    project: Project

    def init(self, parser: ArgumentParser, opts: Namespace, args: list[str]) -> None:
        """Find the project; the name of the processes follows it."""
        del opts
        if len(args) > 1:
            parser.error("give one settings path at most")
        self.project = find(args[0] if args else None, os.getcwd(), os.environ)
        self.cfg.set("default_proc_name", self.project.settings, origin="command line")

    def load(self) -> WSGIApp:
        """Set Django up and take its application."""
        os.environ[django_wsgi.VARIABLE] = self.project.settings
        django_wsgi.look_first([self.project.folder])
        return django_wsgi.make_wsgi_application()


def run(prog: str | None = None) -> None:
    """The entry point of `gunicorn_django`."""
    print("gunicorn_django is now: gunicorn PROJECT.wsgi", file=sys.stderr)
    DjangoApplication("%(prog)s [OPTIONS] [SETTINGS_PATH]", prog=prog).run()
