"""What a WSGI server loads. The header tells that a request has come this way."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")
django = get_wsgi_application()


def application(environ, start_response):
    """Say that WSGI_APPLICATION was honoured."""

    def start(status, headers, *exc_info):
        return start_response(status, [*headers, ("X-Entry", __name__)], *exc_info)

    return django(environ, start)
