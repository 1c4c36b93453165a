"""The application of a Django project, WSGI or ASGI, whichever command serves it.

Django is imported by name, in the process that serves it: it is no dependency of licorne.
"""

from __future__ import annotations

import sys
from importlib import import_module

from licorne import importer
from licorne.errors import AppImportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIApplication as WSGIApp

#: Which project it is, for every command of Django's and for ours.
VARIABLE = "DJANGO_SETTINGS_MODULE"


def look_first(folders: Iterable[str]) -> None:
    """Look for modules in these folders before all others, in this order."""
    sys.path[:0] = [each for each in folders if each not in sys.path]


def make_wsgi_application() -> WSGIApp:
    """What the setting WSGI_APPLICATION names, as runserver has it; without it, Django's own.

    DJANGO_SETTINGS_MODULE says which project, and its folder is on the path.
    """
    named = _named("WSGI_APPLICATION")
    if named is not None:
        return importer.import_app(named)
    made: WSGIApp = import_module("django.core.wsgi").get_wsgi_application()
    return made


def make_asgi_application() -> object:
    """What the setting ASGI_APPLICATION names, which is Channels'; without it, Django's own."""
    named = _named("ASGI_APPLICATION")
    if named is not None:
        return importer.import_app(named)
    made: object = import_module("django.core.asgi").get_asgi_application()
    return made


def _named(setting: str) -> str | None:
    """The application that a setting of the project names, as MODULE:NAME."""
    try:
        settings = import_module("django.conf").settings
    except ModuleNotFoundError as error:
        if error.name != "django":
            raise
        raise AppImportError("Django is not installed in this environment.") from error
    dotted: str | None = getattr(settings, setting, None)
    if dotted is None:
        return None
    module, _, name = dotted.rpartition(".")
    if not module or not name.isidentifier():
        raise AppImportError(
            f"{setting} must name an object in a module, as 'project.{setting[:4].lower()}"
            f".application' does; it is {dotted!r} in {settings.SETTINGS_MODULE}."
        )
    return f"{module}:{name}"
