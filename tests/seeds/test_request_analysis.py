"""An analysis of a request: the command and its classes, then Django REST framework and nginx."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from compat.distribution import run
from e2e.client import Client
from e2e.front import free_port, nginx, program
from seeds.documents import shows

if TYPE_CHECKING:
    from pathlib import Path

    from seeds.conftest import Type

#: The listing of the document, where `listen` and the port behind are those of the test.
NGINX = """
server {{
    listen 127.0.0.1:{port};
    server_name yourdomain.com;
    location / {{
        proxy_pass http://127.0.0.1:{upstream};
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
    }}
}}
"""
GUNICORN_CONFIG = """
import multiprocessing
bind = "127.0.0.1:{port}"
workers = multiprocessing.cpu_count() * 2 + 1
"""
URLS = """
from django.urls import path, include
from .views import HelloWorldView

urlpatterns = [
    path('api/', include('rest_framework.urls')),
    path('api/hello/', HelloWorldView.as_view()),
    path('seen/', HelloWorldView.as_view(seen=True)),
]
"""
VIEWS = """
from rest_framework.views import APIView
from rest_framework.response import Response

class HelloWorldView(APIView):
    seen = False

    def get(self, request):
        if self.seen:
            return Response({k: v for k, v in request.META.items() if isinstance(v, str)})
        return Response("Hello, World!")
"""
MEETING_URLS = """
from django.urls import path
from . import views

urlpatterns = [path('wait/', views.wait), path('meet/', views.meet)]
"""
MEETING_VIEWS = """
import threading
import gevent
from gevent import monkey
from django.http import HttpResponse, JsonResponse

arrived, met = threading.Event(), threading.Event()

def wait(request):
    arrived.set()
    met.wait()
    return JsonResponse({
        "patched": monkey.is_module_patched("socket"),
        "greenlet": type(gevent.getcurrent()).__name__,
    })

def meet(request):
    arrived.wait()
    met.set()
    return HttpResponse("met")
"""
#: The methods of the listing, overridden one by one.
OWN = """
import sys
from gunicorn.app.wsgiapp import WSGIApplication

def answering(body):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [body.encode()]
    return app

class Own(WSGIApplication):
    def load_wsgiapp(self):
        return answering("load_wsgiapp " + self.app_uri)

    def load_pasteapp(self):
        return answering("load_pasteapp " + self.app_uri)

Own("%(prog)s [OPTIONS] [APP_MODULE]").run()
"""
DAEMON = """
import gunicorn.util
from gunicorn.app.wsgiapp import run

gunicorn.util.daemonize = lambda inherit: print("daemonize", inherit, flush=True)
run()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The Django project of the document, as its steps make it."""
    place = tmp_path / "site"
    place.mkdir()
    run(sys.executable, "-m", "django", "startproject", "myproject", str(place))
    settings = place / "myproject" / "settings.py"
    text = settings.read_text()
    assert "INSTALLED_APPS = [" in text
    text = text.replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'rest_framework',")
    # The document forgets it, and Django refuses every other name.
    text = text.replace("ALLOWED_HOSTS = []", "ALLOWED_HOSTS = ['yourdomain.com', 'localhost']")
    settings.write_text(text)
    (place / "myproject" / "urls.py").write_text(URLS)
    (place / "myproject" / "views.py").write_text(VIEWS)
    return place


@shows("Gunicorn (gevent) and Django")
def test_django_on_greenlets(type_: Type, project: Path) -> None:
    """One worker: two requests wait for each other."""
    (project / "myproject" / "urls.py").write_text(MEETING_URLS)
    (project / "myproject" / "views.py").write_text(MEETING_VIEWS)
    server = type_("gunicorn -k gevent myproject.wsgi:application", project)
    server.log.wait_for("Using worker: gevent")
    with server.client() as first:
        first.get("/wait/")
        assert server.get("/meet/") == (200, b"met")
        assert json.loads(first.response().body) == {"patched": True, "greenlet": "Greenlet"}


@shows("pip install gunicorn", "the gunicorn script, and setup.py's entry point")
def test_the_command_is_a_python_script_made_from_an_entry_point(commands: Path) -> None:
    text = (commands / "gunicorn").read_text()
    compile(text, "gunicorn", "exec")
    assert re.match(rf"#!.*{re.escape(str(commands))}/python", text)
    assert "from gunicorn.app.wsgiapp import run" in text
    asked = (
        "from importlib.metadata import entry_points as p\n"
        "print(next(each.value for each in p(group='console_scripts', name='gunicorn')))\n"
    )
    assert run(str(commands / "python"), "-c", asked).stdout == "gunicorn.app.wsgiapp:run\n"


@shows("class WSGIApplication", "def run()")
@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("python own.py myapp:app", "load_wsgiapp myapp:app"),
        ("python own.py --paste {folder}/own.ini", "load_pasteapp {folder}/own.ini"),
    ],
)
def test_the_methods_that_load(type_: Type, tmp_path: Path, line: str, body: str) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own.ini").write_text("[app:main]\nuse = egg:none\n")
    server = type_(line.format(folder=tmp_path), tmp_path)
    assert server.get("/") == (200, body.format(folder=tmp_path).encode())


def test_the_usage_is_that_of_the_listing(commands: Path) -> None:
    told = run(str(commands / "gunicorn"), "--help").stdout
    assert told.splitlines()[0] == "usage: gunicorn [OPTIONS] [APP_MODULE]"


@shows("class Application")
@pytest.mark.parametrize(
    ("flags", "told"),
    [("--daemon", ["daemonize False"]), ("--daemon -R", ["daemonize True"]), ("", [])],
)
def test_run_becomes_a_daemon_if_asked(
    type_: Type, tmp_path: Path, flags: str, told: list[str]
) -> None:
    (tmp_path / "daemon.py").write_text(DAEMON)
    (tmp_path / "own.py").write_text("def app(environ, start_response): ...\n")
    server = type_(f"python daemon.py {flags} own:app", tmp_path)
    server.worker_pid()
    assert server.stop() == 0
    assert server.output.rest() == told


@shows(
    "nginx: server { … }",
    "gunicorn_config.py",
    "settings.py: INSTALLED_APPS",
    "urls.py: api/",
    "views.py: HelloWorldView",
    "urls.py: api/hello/",
    "gunicorn myproject.wsgi:application -c gunicorn_config.py",
    "http://yourdomain.com/api/hello/",
)
@pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
def test_django_rest_framework_behind_nginx(type_: Type, project: Path, tmp_path: Path) -> None:
    port, upstream = free_port(), free_port()
    (project / "gunicorn_config.py").write_text(GUNICORN_CONFIG.format(port=upstream))
    line = "gunicorn myproject.wsgi:application -c gunicorn_config.py"
    server = type_(line, project, bind=())
    assert server.port == upstream
    workers = run(sys.executable, "-c", "import os; print((os.cpu_count() or 1) * 2 + 1)").stdout
    server.worker_pid(int(workers))
    with nginx(NGINX.format(port=port, upstream=upstream), port, tmp_path):
        with Client.tcp(port) as client:
            client.send(b"GET /api/hello/ HTTP/1.1\r\nHost: yourdomain.com\r\n\r\n")
            answer = client.response()
            client.send(b"GET /seen/ HTTP/1.1\r\nHost: yourdomain.com\r\n\r\n")
            seen = json.loads(client.response().body)
        page = browse(port, "/api/hello/")
        assert (
            '<span class="str">&quot;Hello, World!&quot;</span>' in page or "Hello, World!" in page
        )
        assert "csrfmiddlewaretoken" in browse(port, "/api/login/")
    assert (answer.status, answer.body) == (200, b'"Hello, World!"')
    assert answer.get("Content-Type") == "application/json"
    assert seen["HTTP_HOST"] == "yourdomain.com"
    assert seen["HTTP_X_REAL_IP"] == seen["REMOTE_ADDR"] == "127.0.0.1"


def browse(port: int, path: str) -> str:
    """What a browser gets."""
    with Client.tcp(port) as client:
        head = f"GET {path} HTTP/1.1\r\nHost: yourdomain.com\r\nAccept: text/html\r\n\r\n"
        client.send(head.encode())
        answer = client.response()
    assert answer.status == 200
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    return answer.body.decode()
