"""How Django is served: its runserver as it is, and what its handler gets from a WSGI server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import requests

from compat.distribution import run
from e2e.front import free_port, running
from patience import PATIENCE
from seeds.documents import shows

if TYPE_CHECKING:
    from pathlib import Path

    from seeds.conftest import Type

#: The listing of the document.
WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo_project.settings")
application = get_wsgi_application()
"""
#: A view for each thing that the listing of `WSGIHandler.__call__` does.
URLS = """
from pathlib import Path

from django.core.signals import request_finished, request_started
from django.http import FileResponse, HttpResponse, JsonResponse
from django.urls import get_script_prefix, path, re_path

signals = []
request_started.connect(lambda sender, environ, **_: signals.append(
    "started " + environ["PATH_INFO"]), weak=False)
request_finished.connect(lambda sender, **_: signals.append("finished"), weak=False)

def seen(request):
    return JsonResponse({
        "type": type(request).__name__, "path": request.path, "info": request.path_info,
        "prefix": get_script_prefix(), "query": request.GET.dict(), "method": request.method,
        "wrapper": request.META["wsgi.file_wrapper"].__name__,
    })

def cookies(request):
    response = HttpResponse("two")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response

def file(request):
    return FileResponse(Path(__file__).open("rb"), content_type="text/plain")

urlpatterns = [
    path("seen/", seen),
    path("cookies/", cookies),
    path("file/", file),
    path("signals/", lambda request: JsonResponse(signals, safe=False)),
]
"""
COMMAND = "gunicorn demo_project.wsgi"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of manage.py."""
    run(sys.executable, "-m", "django", "startproject", "demo_project", str(tmp_path))
    (tmp_path / "demo_project" / "wsgi.py").write_text(WSGI)
    (tmp_path / "demo_project" / "urls.py").write_text(URLS)
    return tmp_path


@shows("python manage.py runserver")
def test_runserver_is_djangos_own(commands: Path, project: Path) -> None:
    """licorne is installed in this environment, and changes nothing of it."""
    port = free_port()
    words = [str(commands / "python"), "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with running(words, port, cwd=project):
        answer = requests.get(f"http://127.0.0.1:{port}/seen/", timeout=PATIENCE)
    assert answer.headers["Server"].startswith("WSGIServer/")
    assert answer.json()["type"] == "WSGIRequest"


@shows("demo_project/wsgi.py", "class WSGIHandler")
def test_the_handler_gets_what_it_uses(type_: Type, project: Path) -> None:
    url = type_(COMMAND, project).url
    answer = requests.get(f"{url}/seen/?a=1", timeout=PATIENCE)
    assert answer.headers["Server"] == "licorne"
    assert answer.json() == {
        "type": "WSGIRequest", "path": "/seen/", "info": "/seen/", "prefix": "/",
        "query": {"a": "1"}, "method": "GET", "wrapper": "FileWrapper",
    }  # fmt: skip


def test_a_script_name_becomes_the_prefix(type_: Type, project: Path) -> None:
    (project / "gunicorn.conf.py").write_text('raw_env = ["SCRIPT_NAME=/below"]\n')
    url = type_(COMMAND, project).url
    seen = requests.get(f"{url}/below/seen/", timeout=PATIENCE).json()
    assert (seen["prefix"], seen["path"], seen["info"]) == ("/below/", "/below/seen/", "/seen/")


def test_each_cookie_has_its_line(type_: Type, project: Path) -> None:
    server = type_(COMMAND, project)
    with server.client() as client:
        client.get("/cookies/")
        lines = client.response().all("Set-Cookie")
    assert lines == ["a=1; Path=/", "b=2; Path=/"]


def test_a_file_goes_through_the_wrapper(type_: Type, project: Path) -> None:
    server = type_(COMMAND, project)
    assert server.get("/file/") == (200, URLS.encode())


def test_both_signals_are_sent(type_: Type, project: Path) -> None:
    server = type_(COMMAND, project)
    # The first request imports the views, which connect to the signals.
    for path in ("/cookies/", "/file/", "/nothing/"):
        server.get(path)
    told = requests.get(f"{server.url}/signals/", timeout=PATIENCE).json()
    assert told == [
        "finished",
        *("started /file/", "finished"),
        *("started /nothing/", "finished"),
        "started /signals/",
    ]
