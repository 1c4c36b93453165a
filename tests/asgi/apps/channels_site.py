"""A Django project in one file, with Channels before it: views, streams, a database, consumers."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile

import django
from django.conf import settings

DATABASE = os.path.join(tempfile.mkdtemp(prefix="licorne-tests-"), "db.sqlite3")
settings.configure(
    DEBUG=False,
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="channels_site",
    INSTALLED_APPS=["django.contrib.contenttypes", "channels"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    USE_TZ=True,
)
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.signals import request_finished  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from routes import blocks, endless_blocks, tell  # noqa: E402


async def hello(request: HttpRequest) -> HttpResponse:
    """Greet by the query."""
    return HttpResponse(f"hello {request.GET['name']}")


def threaded(request: HttpRequest) -> HttpResponse:
    """In asgiref's thread."""
    return HttpResponse(f"hello {request.GET['name']}")


async def received(request: HttpRequest) -> HttpResponse:
    """The JSON that came."""
    return JsonResponse({"received": json.loads(request.body)})


async def stream(_request: HttpRequest) -> StreamingHttpResponse:
    """Three blocks."""
    return StreamingHttpResponse(blocks(), content_type="text/plain")


async def endless(request: HttpRequest) -> StreamingHttpResponse:
    """Blocks until the client has left."""
    word = request.GET["word"]
    return StreamingHttpResponse(endless_blocks(word))


async def held(request: HttpRequest) -> HttpResponse:
    """Use the database, then wait for ever: cancelled when the client leaves, and all is freed."""
    word = request.GET["word"]

    def query() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 42")
            return int(cursor.fetchone()[0])

    try:
        assert await sync_to_async(query)() == 42
        tell(word, "holds")
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        tell(word, "cancelled")
        raise
    finally:
        tell(word, "freed")
    return HttpResponse("")


async def query(_request: HttpRequest) -> HttpResponse:
    """Use the database."""

    def select() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 + 1")
            return str(cursor.fetchone()[0])

    return HttpResponse(await sync_to_async(select)())


urlpatterns = [
    path("hello", hello),
    path("threaded", threaded),
    path("json", received),
    path("stream", stream),
    path("endless", endless),
    path("held", held),
    path("query", query),
]

request_finished.connect(lambda **_signal: tell("request finished"), weak=False)


class Echo(AsyncWebsocketConsumer):
    """Echo."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Send it back."""
        await self.send(text_data=f"echo {text_data}", bytes_data=bytes_data)


class EchoInThread(WebsocketConsumer):
    """Echo, in a thread."""

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Send it back."""
        self.send(text_data=f"echo {text_data}", bytes_data=bytes_data)


class Room(AsyncWebsocketConsumer):
    """What one says, all of the group hear."""

    async def connect(self) -> None:
        """Join."""
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()
        await self.send(text_data="joined")

    async def disconnect(self, code: int) -> None:
        """Leave."""
        await self.channel_layer.group_discard("room", self.channel_name)
        tell("room", "left", code)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pass on."""
        del bytes_data
        await self.channel_layer.group_send("room", {"type": "room.said", "text": text_data})

    async def room_said(self, event: dict[str, str]) -> None:
        """Hear."""
        await self.send(text_data=event["text"])


application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter(
            [
                path("ws", Echo.as_asgi()),
                path("ws-thread", EchoInThread.as_asgi()),
                path("room", Room.as_asgi()),
            ]
        ),
    }
)
