"""`manage.py runserver`: Django's command, served by the engine.

Options, checks, messages, reloading and static files are Django's: what is exchanged is the server
that the command starts (`server_cls`).
"""

from __future__ import annotations

from django.apps import apps
from django.conf import settings

from licorne.app.django_wsgi import make_asgi_application
from licorne.django.development import EngineServer, leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser

if apps.is_installed("django.contrib.staticfiles"):
    from django.contrib.staticfiles.management.commands.runserver import Command as Djangos
else:
    from django.core.management.commands.runserver import Command as Djangos


class Command(Djangos):
    """Django's runserver on licorne's engine."""

    server_cls = EngineServer

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Django's arguments, and daphne's for projects that are both."""
        super().add_arguments(parser)
        parser.add_argument(
            "--noasgi",
            action="store_false",
            dest="use_asgi",
            help="Serve WSGI_APPLICATION although there is an ASGI_APPLICATION.",
        )

    def get_handler(self, *args: object, **options: object) -> object:
        """The project's ASGI application if ASGI_APPLICATION names one, else the WSGI one."""
        named = getattr(settings, "ASGI_APPLICATION", None)
        if named is None or not options["use_asgi"]:
            return super().get_handler(*args, **options)
        self.stdout.write(f"Serving ASGI_APPLICATION {named}")
        application = make_asgi_application()
        if options.get("use_static_handler") and (
            settings.DEBUG or options.get("insecure_serving")
        ):
            from django.contrib.staticfiles.handlers import (  # noqa: PLC0415 - may not be installed
                ASGIStaticFilesHandler,
            )

            return ASGIStaticFilesHandler(application)
        return application

    def run(self, **options: object) -> None:
        """Run as Django does; whatever ends it, the server ends first."""
        status: object = 1
        try:
            super().run(**options)
            status = 0
        except SystemExit as leaving:
            # 3 asks the parent process for the next server: a file has changed.
            status = leaving.code
            raise
        finally:
            leave(status)
