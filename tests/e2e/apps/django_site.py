"""The Django project of the examples, telling when Django thinks that a request is over."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "examples" / "django_app"))
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"

from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()


def tell(**_signal: object) -> None:
    """Tell the test."""
    sys.stderr.write("app: request finished\n")


request_finished.connect(tell)
