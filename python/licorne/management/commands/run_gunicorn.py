"""`manage.py run_gunicorn`, where gunicorn had it."""

from licorne.django.management.commands.run_gunicorn import Command

__all__ = ["Command"]
