"""The app's configuration: its name, and the place of its runserver beside Django's own."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.management import get_commands

#: Whose runserver ours takes the place of, wherever they stand in INSTALLED_APPS: it does all that
#: theirs do. An app of the project's that brings its own keeps it.
DJANGOS = {"django.core", "django.contrib.staticfiles"}


class LicorneConfig(AppConfig):
    """`licorne.django` in INSTALLED_APPS."""

    name = "licorne.django"
    label = "licorne_django"
    verbose_name = "licorne"

    def ready(self) -> None:
        """Serve `runserver`, also when `licorne.django` comes after `staticfiles` in the list."""
        # Django makes this table once, and finds the commands of earlier apps first.
        commands: dict[str, object] = get_commands()
        if commands.get("runserver") in DJANGOS:
            commands["runserver"] = self.name
