"""Django's hello in one file: no database, no middleware beyond the default of an empty list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

if TYPE_CHECKING:
    from django.http import HttpRequest

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret: this project serves a greeting to a load generator",
)


def hello(_request: HttpRequest) -> HttpResponse:
    """Answer the greeting."""
    return HttpResponse("Hello, World!", content_type="text/plain")


#: One for each response to `/closed` that the server has closed.
CLOSED: list[None] = []


class Counted(HttpResponse):
    """A response that notes its close."""

    def close(self) -> None:
        """Called by the server at the end: Django's signal `request_finished` is sent here."""
        super().close()
        CLOSED.append(None)


def closed(_request: HttpRequest) -> HttpResponse:
    """Answer how many of its responses were closed, as PEP 3333 demands."""
    count = str(len(CLOSED))
    return Counted(count, headers={"Content-Length": str(len(count))})


urlpatterns = [path("", hello), path("closed", closed)]
application = get_wsgi_application()
