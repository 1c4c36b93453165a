"""A page, a session, a streamed response, a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse

if TYPE_CHECKING:
    from django.http import HttpRequest


def index(request: HttpRequest) -> HttpResponse:
    """Greet by name: /?name=Ada."""
    return HttpResponse(f"Hello, {request.GET.get('name', 'World')}!\n", content_type="text/plain")


def visits(request: HttpRequest) -> JsonResponse:
    """Count the visits of one browser in its session."""
    count = int(request.session.get("visits", 0)) + 1
    request.session["visits"] = count
    return JsonResponse({"visits": count})


def countdown(_request: HttpRequest) -> StreamingHttpResponse:
    """Send a body whose length is not known beforehand."""
    lines = (f"{number}\n" for number in range(10, 0, -1))
    return StreamingHttpResponse(lines, content_type="text/plain")


def source(_request: HttpRequest) -> FileResponse:
    """Send this file; the server uses sendfile for it."""
    return FileResponse(Path(__file__).open("rb"), content_type="text/plain")
