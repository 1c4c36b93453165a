"""What tracers and profilers put in the place of gunicorn's methods and classes, on the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

#: Where a tracer finds the classes, and arguments that choose them.
CLASSES = {
    "sync": ("gunicorn.workers.sync", "SyncWorker", ()),
    "gthread": ("gunicorn.workers.gthread", "ThreadWorker", ("--threads", "2")),
    "gevent": ("gunicorn.workers.ggevent", "GeventWorker", ()),
    "gevent, on its base": ("gunicorn.workers.base_async", "AsyncWorker", ()),
    "eventlet": ("gunicorn.workers.geventlet", "EventletWorker", ()),
}
APP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"traced"]
"""
#: In the way of agents that know functions, and of those that know classes.
TRACING = """
import functools
import os
from {module} import {name}


def trace(method):
    original = getattr({name}, method)

    @functools.wraps(original)
    def traced(self, *args):
        try:
            return original(self, *args)
        finally:
            os.write(2, f"TRACED {{method}} {{len(args)}} {{self.nr}}\\n".encode())

    setattr({name}, method, traced)


for method in {methods}:
    trace(method)
"""
ARGUMENTS = {"sync": (4, 3), "gthread": (2, 1)}


def traced(
    serve: Serve, folder: Path, kind: str, methods: list[str], place: str = "an_app.py"
) -> Server:
    module, name, args = CLASSES[kind]
    (folder / "an_app.py").write_text(APP)
    with (folder / place).open("a") as file:
        file.write(TRACING.format(module=module, name=name, methods=methods))
    return serve("an_app:app", "-k", kind.partition(",")[0], *args, cwd=folder)


@pytest.mark.parametrize("place", ["gunicorn.conf.py", "an_app.py"])
@pytest.mark.parametrize("kind", list(CLASSES))
def test_methods_around_a_request(serve: Serve, tmp_path: Path, kind: str, place: str) -> None:
    server = traced(serve, tmp_path, kind, ["handle_request", "handle"], place)
    inner, outer = ARGUMENTS.get(kind, (4, 3))
    for number in (1, 2):
        assert server.get("/") == (200, b"traced")
        server.log.wait_for(f"^TRACED handle_request {inner} {number}$")
        server.log.wait_for(f"^TRACED handle {outer} {number}$")
    server.stop()
    assert not server.log.matching("never called")


@pytest.mark.parametrize("method", ["handle_request", "handle"])
@pytest.mark.parametrize("kind", list(CLASSES))
def test_one_method(serve: Serve, tmp_path: Path, kind: str, method: str) -> None:
    server = traced(serve, tmp_path, kind, [method])
    assert server.get("/") == (200, b"traced")
    server.log.wait_for(f"^TRACED {method} ")


#: As wrapt makes them: a wrapper looks, compares and binds like what it wraps.
WRAPPING = """
import os
from gunicorn.workers.gthread import ThreadWorker


class Wrapper:
    def __init__(self, wrapped):
        self.wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self.wrapped, name)

    def __eq__(self, other):
        return self.wrapped == other

    def __hash__(self):
        return hash(self.wrapped)

    def __get__(self, instance, owner):
        return Wrapper(self.wrapped.__get__(instance, owner))

    def __call__(self, *args):
        os.write(2, b"AROUND\\n")
        return self.wrapped(*args)


ThreadWorker.handle = Wrapper(ThreadWorker.handle)
"""


def test_a_wrapper_that_is_equal_to_what_it_wraps(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(APP + WRAPPING)
    server = serve("an_app:app", "-k", "gthread", cwd=tmp_path)
    assert server.get("/") == (200, b"traced")
    server.log.wait_for("^AROUND$")


@pytest.mark.parametrize("place", ["gunicorn.conf.py", "an_app.py"])
def test_what_is_never_called_is_told_once(serve: Serve, tmp_path: Path, place: str) -> None:
    (tmp_path / "an_app.py").write_text(APP)
    with (tmp_path / place).open("a") as file:
        file.write(
            "from gunicorn.workers.sync import SyncWorker\n"
            "SyncWorker.accept = lambda self, listener: 1 / 0\n"
        )
    server = serve("an_app:app", cwd=tmp_path)
    assert server.get("/") == (200, b"traced")
    server.log.wait_for(r"WARNING\] licorne.workers.sync.SyncWorker overrides accept: never called")
    server.stop()
    assert len(server.log.matching("never called")) == 1


def test_tornado_has_none_of_them(serve: Serve, tmp_path: Path) -> None:
    pytest.importorskip("tornado")
    (tmp_path / "an_app.py").write_text(
        APP + "from gunicorn.workers.gtornado import TornadoWorker\n"
        "TornadoWorker.handle_request = TornadoWorker.handle = lambda *args: 1 / 0\n"
    )
    server = serve("an_app:app", "-k", "tornado", cwd=tmp_path)
    assert server.get("/") == (200, b"traced")
    server.log.wait_for("TornadoWorker overrides handle, handle_request: never called")


#: Classes in the place of `Response`; each adds what `ADDED` says.
RESPONSES = {
    "default_headers": (
        "    def default_headers(self):\n"
        "        return super().default_headers() + ['X-Added: 1\\r\\n', 'X-More: 2\\r\\n']\n"
    ),
    "default_headers of a request": (
        "    def default_headers(self):\n"
        "        lines = [l for l in super().default_headers() if not l.startswith('Server')]\n"
        "        return lines + [f'X-Added: {len(self.req.path)}\\r\\nX-More: 2\\r\\n']\n"
    ),
    "process_headers": (
        "    def process_headers(self, headers):\n"
        "        super().process_headers(headers)\n"
        "        self.headers += [('X-Added', '1'), ('X-More', '2')]\n"
    ),
    "start_response": (
        "    def start_response(self, status, headers, exc_info=None):\n"
        "        headers = [*headers, ('X-Added', '1'), ('X-More', '2')]\n"
        "        return super().start_response(status, headers, exc_info)\n"
    ),
    "a base of its own": (
        "    def __init__(self, *args):\n"
        "        super().__init__(*args)\n"
        "        self.added = 1\n"
        "    def default_headers(self):\n"
        "        more = f'X-Added: {self.added}\\r\\nX-More: 2\\r\\n'\n"
        "        return [*super().default_headers(), more]\n"
    ),
}


@pytest.mark.parametrize("place", ["gunicorn.conf.py", "an_app.py"])
@pytest.mark.parametrize("name", list(RESPONSES))
@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent", "tornado"])
def test_a_response_that_adds_fields(
    serve: Serve, tmp_path: Path, name: str, kind: str, place: str
) -> None:
    (tmp_path / "an_app.py").write_text(APP)
    with (tmp_path / place).open("a") as file:
        file.write(
            "import gunicorn.http.wsgi\n"
            f"class Response(gunicorn.http.wsgi.Response):\n{RESPONSES[name]}"
            "gunicorn.http.wsgi.Response = Response\n"
        )
    server = serve("an_app:app", "-k", kind, cwd=tmp_path)
    with server.client() as client:
        for _ in range(2):
            client.get("/")
            answer = client.response()
            assert (answer.body, answer.keeps_alive) == (b"traced", True)
            assert (answer.get("X-Added"), answer.get("X-More")) == ("1", "2")
            assert answer.get("Date")
    server.stop()
    assert not server.log.matching("never called")


def test_what_a_response_class_does_in_vain_is_told(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(
        "import gunicorn.http.wsgi\n"
        "class Counting(gunicorn.http.wsgi.Response):\n"
        "    def write(self, data): raise AssertionError\n"
        "    def close(self): raise AssertionError\n"
        "gunicorn.http.wsgi.Response = Counting\n"
    )
    server = serve("an_app:app", cwd=tmp_path)
    assert server.get("/") == (200, b"traced")
    server.log.wait_for(
        r"WARNING\] gunicorn.http.wsgi.Response: close, write of \S+.Counting never called"
    )


def test_a_response_of_another_kind_is_told(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(
        "import gunicorn.http.wsgi\ngunicorn.http.wsgi.Response = dict\n"
    )
    server = serve("an_app:app", cwd=tmp_path)
    assert server.get("/") == (200, b"traced")
    server.log.wait_for(r"WARNING\] gunicorn.http.wsgi.Response was replaced by <class 'dict'>")
