"""Files that import from gunicorn, in a server of licorne."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APP = """
import gunicorn.glogging
import licorne.glogging

def app(environ, start_response):
    assert gunicorn.glogging is licorne.glogging
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"one"]
"""

CONF = """
import gunicorn
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

gunicorn.SERVER = "undisclosed"

class Shouting(Logger):
    def info(self, msg, *args, **kwargs):
        super().info("LOUD " + str(msg), *args, **kwargs)

logger_class = Shouting

def when_ready(server):
    server.log.info("arbiter is %s", isinstance(server, Arbiter))
"""


def test_a_configuration_that_imports_from_gunicorn(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "site_app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(CONF)
    server = serve("site_app:app", cwd=tmp_path)
    server.log.wait_for("LOUD arbiter is True")
    with server.client() as client:
        client.get("/")
        answer = client.response()
    assert answer.body == b"one"
    assert answer.get("Server") == "undisclosed"


#: The recipe that hides what server it is.
HIDING = """
import gunicorn.http.wsgi
from functools import wraps

def without_server(func):
    @wraps(func)
    def default_headers(*args, **kwargs):
        return [line for line in func(*args, **kwargs) if not line.startswith("Server: ")]
    return default_headers

gunicorn.http.wsgi.Response.default_headers = without_server(
    gunicorn.http.wsgi.Response.default_headers
)
"""


@pytest.mark.parametrize("place", ["gunicorn.conf.py", "site_app.py"])
def test_a_server_that_hides_its_name(tmp_path: Path, serve: Serve, place: str) -> None:
    (tmp_path / "site_app.py").write_text(APP)
    with (tmp_path / place).open("a") as file:
        file.write(HIDING)
    server = serve("site_app:app", cwd=tmp_path)
    with server.client() as client:
        client.get("/")
        answer = client.response()
        assert answer.body == b"one"
        assert answer.get("Server") is None
        assert answer.get("Date") is not None
        client.send(b"no request\r\n\r\n")
        refused = client.response()
        assert (refused.status, refused.get("Server")) == (400, None)


def test_a_real_gunicorn_beside_is_named_once(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "site_app.py").write_text(APP)
    package = tmp_path / "gunicorn"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('not this one')")
    (package / "arbiter.py").touch()
    server = serve("site_app:app", cwd=tmp_path)
    assert server.get("/") == (200, b"one")
    server.stop()
    said = [line for line in server.log.rest() if "means licorne" in line]
    assert len(said) == 1
    assert f"not the gunicorn in {package}" in said[0]


@pytest.mark.parametrize("embedder", ["licorne", "gunicorn"])
def test_an_embedder(tmp_path: Path, serve: Serve, embedder: str) -> None:
    """The recipe of gunicorn's documentation, in a program with a command line of its own."""
    (tmp_path / "site_app.py").write_text(APP)
    first = "import licorne.aliases; licorne.aliases.install()\n" if embedder == "gunicorn" else ""
    (tmp_path / "program.py").write_text(
        f"""{first}
from {embedder}.app.base import BaseApplication

class StandaloneApplication(BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {{}}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {{k: v for k, v in self.options.items()
                  if k in self.cfg.settings and v is not None}}
        for key, value in config.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application

def application(environ, start_response):
    import gunicorn.util, licorne.util
    assert gunicorn.util is licorne.util
    start_response("200 OK", [])
    return [b"embedded"]

StandaloneApplication(application, {{"bind": "127.0.0.1:0", "workers": 1}}).run()
"""
    )
    # The server's own words are not the program's: --bogus would end a command.
    server = serve("--bogus", cwd=tmp_path, program=("program.py",))
    assert server.get("/") == (200, b"embedded")
