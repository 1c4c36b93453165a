"""What `'gunicorn'` in INSTALLED_APPS means to Django, as guides from before 2014 have it.

It adds `manage.py run_gunicorn`, and nothing else; projects of today name `licorne.django`.
"""

from __future__ import annotations

from django.apps import AppConfig


class GunicornConfig(AppConfig):
    """The app of which gunicorn's name is left: `management` in this package."""

    name = "licorne"
    verbose_name = "gunicorn"
