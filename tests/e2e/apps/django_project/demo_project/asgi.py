"""What an ASGI server loads. The header tells that a request has come this way."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")
django = get_asgi_application()


async def application(scope, receive, send):
    """Say that ASGI_APPLICATION was honoured."""

    async def marked(message):
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-entry", __name__.encode())]
        await send(message)

    await django(scope, receive, marked)
