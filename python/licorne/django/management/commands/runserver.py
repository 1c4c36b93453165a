"""`manage.py runserver`: Django's command, served by the engine.

Options, checks, messages, reloading and static files are Django's: what is exchanged is the server
that the command starts (`server_cls`).
"""

from __future__ import annotations

from django.apps import apps

from licorne.django.development import EngineServer, leave

if apps.is_installed("django.contrib.staticfiles"):
    from django.contrib.staticfiles.management.commands.runserver import Command as Djangos
else:
    from django.core.management.commands.runserver import Command as Djangos


class Command(Djangos):
    """Django's runserver on licorne's engine."""

    server_cls = EngineServer

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
