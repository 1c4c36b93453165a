"""What is installed beside a server: agents that are put in front of its command, and packages in
applications. Prometheus' client in several processes is in test_configs.py, New Relic's agent in
test_agents.py.
"""

from __future__ import annotations

import gzip
import json
import queue
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from e2e.client import Client
from e2e.server import LISTENING, Lines
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve

#: Where the commands of this interpreter's packages are.
COMMANDS = Path(sys.executable).parent

FLASK = """
from flask import Flask

app = Flask(__name__)

@app.get("/hello/<name>")
def hello(name):
    return f"{name} {seen()}"

@app.get("/fail")
def fail():
    raise ValueError("as asked")
"""


class Message(NamedTuple):
    """What a receiver was sent."""

    path: str
    body: bytes


@contextmanager
def receiver() -> Iterator[tuple[str, queue.Queue[Message]]]:
    """A server that takes whatever it is sent: its URL, and what comes."""
    messages: queue.Queue[Message] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            messages.put(Message(self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_PUT = do_POST  # noqa: N815 - as the library has it

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", messages
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def command(name: str, package: str) -> tuple[str, ...]:
    """A command before `python -m licorne`, as an operator puts it there."""
    pytest.importorskip(package)
    if not (COMMANDS / name).exists():
        pytest.skip(f"{name} is not installed")
    return (str(COMMANDS / name), sys.executable, "-m", "licorne")


def site(folder: Path, seen: str) -> None:
    pytest.importorskip("flask")
    (folder / "site_app.py").write_text(FLASK + f"\ndef seen():\n    {seen}\n")


@pytest.mark.parametrize("args", [("-k", "sync"), ("-k", "gthread", "--preload")], ids=" ".join)
def test_ddtrace_run(serve: Serve, tmp_path: Path, args: tuple[str, ...]) -> None:
    """Its spans know the route, and leave the worker."""
    program = command("ddtrace-run", "ddtrace")
    site(tmp_path, "from ddtrace import tracer; return tracer.current_root_span().name")
    with receiver() as (url, messages):
        environment = {
            "DD_TRACE_AGENT_URL": url,
            "DD_TRACE_API_VERSION": "v0.4",
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "DD_REMOTE_CONFIGURATION_ENABLED": "false",
        }
        server = serve(
            "site_app:app",
            *args,
            cwd=tmp_path,
            environment=environment,
            python=program[0],
            program=program[1:],
        )
        assert server.get("/hello/ada") == (200, b"ada flask.request")
        while (sent := messages.get(timeout=PATIENCE)).path != "/v0.4/traces":
            pass
        while b"/hello/<name>" not in sent.body:
            sent = messages.get(timeout=PATIENCE)
        server.stop()


def test_opentelemetry_instrument(serve: Serve, tmp_path: Path) -> None:
    """The span of its framework is below that of the server, in the caller's trace."""
    program = command("opentelemetry-instrument", "opentelemetry.instrumentation.flask")
    protocol = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    place = "trace.get_current_span().get_span_context().trace_id"
    site(tmp_path, f"from opentelemetry import trace; return f'{{{place}:032x}}'")
    with receiver() as (url, messages):
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        server = serve(
            "site_app:app",
            *("--otlp", url),
            cwd=tmp_path,
            environment=environment,
            python=program[0],
            program=program[1:],
        )
        with server.client() as client:
            trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
            client.get("/hello/ada", f"traceparent: 00-{trace}-{caller}-01")
            assert client.response().body == f"ada {trace}".encode()
        of_flask = ours = None
        while of_flask is None or ours is None:
            body = messages.get(timeout=PATIENCE).body
            if body.startswith(b"{"):
                scoped = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]
                ours = {each["name"]: each for each in scoped["spans"]}
            else:
                message = protocol.ExportTraceServiceRequest.FromString(body)
                (of_flask,) = message.resource_spans[0].scope_spans[0].spans
    assert of_flask.name == "GET /hello/<name>"
    assert of_flask.trace_id.hex() == trace
    assert of_flask.parent_span_id.hex() == ours["application"]["spanId"]


@pytest.mark.parametrize("kind", ["sync", "gevent", "asgi"])
def test_sentry(serve: Serve, tmp_path: Path, kind: str) -> None:
    """What an application raises is told to Sentry, once, with its request."""
    if kind == "asgi" and sys.version_info < (3, 11):
        pytest.skip(
            "before Python 3.11 a task has a copy of its context, which cannot be asked for"
        )
    pytest.importorskip("sentry_sdk")
    with receiver() as (url, messages):
        dsn = url.replace("//", "//key@") + "/1"
        init = f"import sentry_sdk\nsentry_sdk.init({dsn!r}, default_integrations=True)\n"
        if kind == "asgi":
            text = (
                "from sentry_sdk.integrations.asgi import SentryAsgiMiddleware\n"
                "async def app(scope, receive, send):\n"
                "    if scope['type'] == 'http': raise ValueError('as asked')\n"
                "app = SentryAsgiMiddleware(app)\n"
            )
        else:
            text = (
                "from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware\n"
                "def app(environ, start_response): raise ValueError('as asked')\n"
                "app = SentryWsgiMiddleware(app)\n"
            )
        (tmp_path / "site_app.py").write_text(init + text)
        server = serve("site_app:app", "-k", kind, cwd=tmp_path, tracebacks=True)
        assert server.get("/buy?x=1")[0] == 500
        while b'"exception"' not in (sent := messages.get(timeout=PATIENCE)).body:
            pass
        assert sent.path == "/api/1/envelope/"
        assert b'"ValueError"' in sent.body
        assert b"/buy" in sent.body
        server.stop()
    # Not once more by way of the server's own log.
    rest = [messages.get_nowait() for _ in range(messages.qsize())]
    assert not [each for each in rest if b'"ValueError"' in each.body]


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent", "eventlet", "tornado"])
def test_whitenoise(serve: Serve, tmp_path: Path, kind: str) -> None:
    """Files, parts of them, compressed ones, and those that have not changed."""
    pytest.importorskip("whitenoise")
    folder = tmp_path / "static"
    folder.mkdir()
    text = b"body { color: black }\n" * 5000
    (folder / "site.css").write_bytes(text)
    (folder / "site.css.gz").write_bytes(gzip.compress(text))
    (tmp_path / "site_app.py").write_text(
        "from whitenoise import WhiteNoise\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'dynamic']\n"
        f"app = WhiteNoise(app, root={str(folder)!r}, prefix='static/')\n"
    )
    server = serve("site_app:app", "-k", kind, cwd=tmp_path)
    with server.client() as client:
        client.get("/")
        assert client.response().body == b"dynamic"
        client.get("/static/site.css")
        whole = client.response()
        assert (whole.status, whole.body) == (200, text)
        client.get("/static/site.css", "Range: bytes=5-9")
        part = client.response()
        assert (part.status, part.body) == (206, text[5:10])
        client.get("/static/site.css", "Accept-Encoding: gzip")
        packed = client.response()
        assert (packed.get("Content-Encoding"), gzip.decompress(packed.body)) == ("gzip", text)
        client.get("/static/site.css", f"If-None-Match: {whole.get('ETag')}")
        assert client.response().status == 304


SILK = """
import os
DEBUG = False
SECRET_KEY = "test"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.messages", "django.contrib.staticfiles", "silk",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "silk.middleware.SilkyMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.path.dirname(__file__), "db"),
}}
STATIC_URL = "static/"
USE_TZ = True
SILKY_PYTHON_PROFILER = True
"""
SILK_URLS = """
from django.http import HttpResponse
from django.urls import include, path
from silk.models import Request

def count(request):
    return HttpResponse(str(Request.objects.filter(path="/bought").count()))

def bought(request):
    return HttpResponse("bought")

urlpatterns = [
    path("count", count), path("bought", bought), path("silk/", include("silk.urls")),
]
"""


@pytest.mark.parametrize(
    "args", [("-k", "sync"), ("-k", "gthread", "--threads", "4")], ids=" ".join
)
def test_django_silk(serve: Serve, tmp_path: Path, args: tuple[str, ...]) -> None:
    """Requests are recorded with their profiles, and shown."""
    pytest.importorskip("silk")
    (tmp_path / "settings.py").write_text(SILK)
    (tmp_path / "urls.py").write_text(SILK_URLS)
    (tmp_path / "wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(tmp_path)}
    migrated = subprocess.run(
        [sys.executable, "-m", "django", "migrate", "-v0"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert migrated.returncode == 0, migrated.stderr
    server = serve("wsgi", *args, cwd=tmp_path, environment=environment)
    for _ in range(3):
        assert server.get("/bought") == (200, b"bought")
    assert server.get("/count") == (200, b"3")
    status, page = server.get("/silk/requests/")
    assert status == 200
    assert b"/bought" in page


def test_a_procfile(tmp_path: Path) -> None:
    """As platforms and foreman's relatives start it: by a shell, with PORT in the environment."""
    pytest.importorskip("honcho")
    (tmp_path / "site_app.py").write_text(
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'one']\n"
    )
    start = (
        f"web: {sys.executable} -m licorne --no-control-socket -b 127.0.0.1:$PORT site_app:app\n"
    )
    (tmp_path / "Procfile").write_text(start)
    honcho = subprocess.Popen(
        [sys.executable, "-m", "honcho", "--no-colour", "start", "-p", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert honcho.stdout is not None
    log = Lines(honcho.stdout)
    try:
        port = int(log.wait_for(LISTENING).group(1))
        with Client.tcp(port) as client:
            client.get("/")
            assert client.response().body == b"one"
        honcho.terminate()
        log.wait_for("Handling signal: term")
        log.wait_for("Shutting down: Master")
        honcho.wait(PATIENCE)
    finally:
        if honcho.poll() is None:
            honcho.kill()
            honcho.wait(PATIENCE)
        log.rest()
