"""The examples start as their README says, and the server's files as old documents say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import requests

import licorne.app.wsgiapp

if TYPE_CHECKING:
    from e2e.server import Serve

ROOT = Path(__file__).resolve().parents[2]


def test_hello(serve: Serve) -> None:
    status, body = serve("examples.hello", cwd=ROOT).get("/")
    assert status == 200
    assert body.startswith(b"Hello from licorne/")


def test_flask(serve: Serve) -> None:
    server = serve("app:app", "--chdir", "examples/flask_app", "-w", "2", cwd=ROOT)
    with requests.Session() as session:
        assert "Hello from Flask" in session.get(server.url, timeout=20).text
        answer = session.get(f"{server.url}/hello?name=Ada", timeout=20)
        assert answer.json() == {"message": "Hello, Ada!"}
        counts = [session.get(f"{server.url}/visits", timeout=20).json() for _ in range(2)]
        assert counts == [{"visits": 1}, {"visits": 2}]


def test_django(serve: Serve) -> None:
    server = serve("project.wsgi", "--chdir", "examples/django_app", "-w", "2", cwd=ROOT)
    assert requests.get(f"{server.url}/?name=Ada", timeout=20).text == "Hello, Ada!\n"


def test_the_configuration_with_hooks(serve: Serve) -> None:
    server = serve("examples.hello", "-c", "examples/licorne.conf.py", "-w", "1", cwd=ROOT)
    assert server.get("/")[0] == 200
    server.log.wait_for("hook: worker 1 has pid")
    server.output.wait_for('"GET / HTTP/1.1" 200')
    assert server.stop() == 0
    assert server.log.matching("hook: bye")


def test_the_logging_recipe(serve: Serve, tmp_path: Path) -> None:
    server = serve("examples.logging_app", cwd=ROOT, environment={"LOG_DIR": str(tmp_path)})
    assert server.get("/page") == (200, b"Hello\n")
    server.log.wait_for(r"INFO logging_app\.py:\d+ asked for /page")
    assert server.stop() == 0
    written = (tmp_path / "application.log").read_text(encoding="utf-8")
    assert "asked for /page" in written
    assert "Worker exiting" in written  # the server's own lines go there too


def test_wsgiapp_runs_as_a_script(serve: Serve, tmp_path: Path) -> None:
    """`cd licorne/app; python wsgiapp.py app:app`: there `app` means the user's module."""
    text = (ROOT / "examples" / "flask_app" / "app.py").read_text(encoding="utf-8")
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    server = serve("app:app", cwd=tmp_path, program=(licorne.app.wsgiapp.__file__,))
    assert server.get("/hello") == (200, b'{"message":"Hello, World!"}\n')
