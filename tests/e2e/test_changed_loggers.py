"""Loggers that are changed after they were made: the access log does what gunicorn's would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

#: The change is made before or while requests are served, and undone.
APP = """
import os
from gunicorn.glogging import Logger

UNDO = []
ACCESS = Logger.access


def put(on, name, value):
    had = name in vars(on)
    old = vars(on).get(name)
    setattr(on, name, value)
    UNDO.append(lambda: setattr(on, name, old) if had else delattr(on, name))


def change(log):
    {change}


def told(words):
    os.write(1, f"{{words}}\\n".encode())


def app(environ, start_response):
    if environ["PATH_INFO"] == "/undo":
        while UNDO:
            UNDO.pop()()
    if environ["PATH_INFO"] == "/change":
        change(environ["the.log"])
    start_response("200 OK", [])
    return [b"x"]
"""
#: `the.log` is the worker's logger; without a hook around requests, which would change the way.
CONFIG = """
def post_worker_init(worker):
    app = worker.wsgi

    def with_log(environ, start_response):
        environ["the.log"] = worker.log
        return app(environ, start_response)

    worker.wsgi = with_log
"""
#: What is replaced, and what the line of /x says then.
CHANGES = {
    "access on the class": (
        "put(Logger, 'access', lambda self, resp, req, environ, took: "
        "told(f'changed {req.path} {resp.status}'))",
        "^changed /x 200 OK$",
    ),
    "access on the logger": (
        "put(log, 'access', lambda resp, req, environ, took: (told('before'), "
        "ACCESS(log, resp, req, environ, took)))",
        "^before$",
    ),
    "atoms on the class": (
        "old = Logger.atoms; put(Logger, 'atoms', lambda *args: old(*args) | {'m': 'changed'})",
        "^- changed /x$",
    ),
    "now on the class": (
        "put(Logger, 'now', lambda self: 'changed')",
        "^changed GET /x$",
    ),
    "the user on the logger": (
        "put(log, '_get_user', lambda environ: 'changed')",
        "^- GET /x changed$",
    ),
    "the wrapper of atoms": (
        "from gunicorn.glogging import SafeAtoms as S; put(Logger, 'atoms_wrapper_class', "
        "type('Mine', (S,), {'__getitem__': lambda self, name: 'changed'}))",
        "^changed changed changed$",
    ),
}
FORMATS = {
    "now on the class": "%(t)s %(m)s %(U)s",
    "the user on the logger": "%(l)s %(m)s %(U)s %(u)s",
}


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
def test_while_requests_are_served(serve: Serve, tmp_path: Path, change: str, kind: str) -> None:
    code, line = CHANGES[change]
    (tmp_path / "an_app.py").write_text(APP.format(change=code))
    (tmp_path / "gunicorn.conf.py").write_text(CONFIG)
    form = FORMATS.get(change, "%(l)s %(m)s %(U)s")
    log = ("--access-logfile", "-", "--access-logformat", form)
    server = serve("an_app:app", "-k", kind, *log, cwd=tmp_path)
    server.get("/untouched")
    server.output.wait_for("GET /untouched")
    server.get("/change")
    server.get("/x")
    server.output.wait_for(line)
    server.get("/undo")
    server.get("/again")
    server.output.wait_for("GET /again")


@pytest.mark.parametrize("change", ["access on the class", "access on the logger"])
def test_without_an_access_log(serve: Serve, tmp_path: Path, change: str) -> None:
    """gunicorn calls `Logger.access` for every request, whatever the settings say."""
    code, line = CHANGES[change]
    (tmp_path / "an_app.py").write_text(APP.format(change=code))
    (tmp_path / "gunicorn.conf.py").write_text(CONFIG)
    server = serve("an_app:app", cwd=tmp_path)
    server.get("/untouched")
    server.get("/change")
    server.get("/x")
    server.output.wait_for(line)
    server.stop()
    assert not server.output.matching("untouched")


#: Before the logger is made, in the way of configurations in the wild.
BEFORE = {
    "access_fmt": ("Logger.access_fmt = 'prefix %(message)s'", "^prefix GET /x$"),
    "now": ("Logger.now = lambda self: 'early'", "^GET /x$"),
    "access": (
        "old = Logger.access\n"
        "def access(self, resp, req, environ, took):\n"
        "    if req.path == '/x': old(self, resp, req, environ, took)\n"
        "Logger.access = access",
        "^GET /x$",
    ),
}


@pytest.mark.parametrize("name", list(BEFORE))
def test_by_the_configuration(
    args: tuple[str, ...], serve: Serve, tmp_path: Path, name: str
) -> None:
    code, line = BEFORE[name]
    (tmp_path / "an_app.py").write_text(APP.format(change="pass"))
    (tmp_path / "gunicorn.conf.py").write_text(
        f"from gunicorn.glogging import Logger\n{code}\naccesslog = '-'\n"
        "access_log_format = '%(m)s %(U)s'\n"
    )
    server = serve("an_app:app", *args, cwd=tmp_path)
    server.get("/hidden")
    server.get("/x")
    server.output.wait_for(line)
    server.stop()
    assert bool(server.output.matching("hidden")) == (name != "access")


def test_another_logger_below(serve: Serve, tmp_path: Path) -> None:
    """`access_log` is what gunicorn gives the line to, whatever that is now."""
    (tmp_path / "an_app.py").write_text(
        APP.format(
            change="import logging; mine = logging.getLogger('mine'); mine.propagate = False; "
            "mine.setLevel('INFO'); h = logging.StreamHandler(__import__('sys').stdout); "
            "h.setFormatter(logging.Formatter('mine %(message)s')); mine.addHandler(h); "
            "put(log, 'access_log', mine)"
        )
    )
    (tmp_path / "gunicorn.conf.py").write_text(CONFIG)
    log = ("--access-logfile", "-", "--access-logformat", "%(m)s %(U)s")
    server = serve("an_app:app", *log, cwd=tmp_path)
    server.get("/change")
    server.get("/x")
    server.output.wait_for("^mine GET /x$")
