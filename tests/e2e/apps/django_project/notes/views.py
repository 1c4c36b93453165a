"""Views that tests ask for; those with a database use it before they answer."""

import io
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers, viewsets
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.response import Response
from rest_framework.views import APIView

from notes.apps import tell
from notes.models import Note


class Watched(io.FileIO):
    """A file that tells when its content has passed through Python: sendfile does not move it."""

    def close(self):
        if not self.closed and self.tell():
            tell("the file was read")
        super().close()


def index(_request):
    return HttpResponse(f"{Note.objects.count()} notes\n")


@csrf_exempt
def environ(request):
    """What the request says; a form is read, if there is one."""
    len(request.POST)
    return JsonResponse({k: v for k, v in request.META.items() if isinstance(v, (str, bool))})


def form(request):
    if request.method == "POST":
        return HttpResponse(f"saved {request.POST['text']}")
    return HttpResponse(get_token(request))


def upload(request):
    """POST multipart; the token of `form` goes with it."""
    file = request.FILES["file"]
    digest = sha256()
    for block in file.chunks():
        digest.update(block)
    seen = {"class": type(file).__name__, "name": file.name, "sha256": digest.hexdigest()}
    return JsonResponse({**seen, "text": request.POST.get("text"), "notes": Note.objects.count()})


def file(_request):
    """A file of the data folder."""
    Note.objects.count()
    return FileResponse(Watched(Path(settings.DATA) / "file.bin"), filename="file.bin")


def countdown(_request):
    Note.objects.count()
    return StreamingHttpResponse(f"{number}\n" for number in range(10, 0, -1))


def endless(_request):
    """More than any client takes; blocks are made as fast as they leave."""

    def blocks():
        try:
            while True:
                yield b"x" * 65536
        finally:
            tell("stream closed")

    Note.objects.count()
    return StreamingHttpResponse(blocks())


def gated(request):
    """The second block waits until the pipe named in the query is opened."""

    def blocks():
        yield "first\n"
        Path(request.GET["gate"]).read_bytes()
        for _ in range(100):
            yield "x" * 65536

    Note.objects.count()
    return StreamingHttpResponse(blocks())


def error(_request):
    Note.objects.count()
    raise RuntimeError("the view fails")


def error_midway(_request):
    def blocks():
        yield "first\n"
        raise RuntimeError("the stream fails")

    Note.objects.count()
    return StreamingHttpResponse(blocks())


class HelloWorldView(APIView):
    """As the first seed document has it."""

    def get(self, _request):
        return Response("Hello, World!")


class NoteSerializer(serializers.ModelSerializer):
    """A note as JSON."""

    class Meta:
        model = Note
        fields = ("id", "text")


class NoteViewSet(viewsets.ModelViewSet):
    """The notes as an API."""

    queryset = Note.objects.order_by("id")
    serializer_class = NoteSerializer
    permission_classes = (IsAuthenticatedOrReadOnly,)
