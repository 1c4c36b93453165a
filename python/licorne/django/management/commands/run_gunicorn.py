"""`manage.py run_gunicorn [OPTIONS] [ADDRPORT]`, as older guides know it."""

from __future__ import annotations

import sys

from licorne.django.command import ServerCommand


class Command(ServerCommand):
    """`licorne` under its older name."""

    def handle(self, *args: str, **options: object) -> None:
        """Say what it is called now, and become the server."""
        print("manage.py run_gunicorn is now: manage.py licorne", file=sys.stderr)
        super().handle(*args, **options)
