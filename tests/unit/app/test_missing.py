"""What is said when no application was named."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from licorne.app.missing import complaint
from licorne.config import Config
from licorne.project import look

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("app.py", "import flask\napp = flask.Flask(__name__)\n", ["app:app"]),
        ("app.py", "app: Flask = Flask(__name__)\n", ["app:app"]),
        ("main.py", "def app(environ, start_response): ...\n", ["main:app"]),
        ("wsgi.py", "application = get_wsgi_application()\n", ["wsgi"]),
        ("shop/wsgi.py", "application = get_wsgi_application()\n", ["shop.wsgi"]),
        ("app.py", "def create_app():\n    ...\n", ['"app:create_app()"']),
        ("app.py", "def create_app(config):\n    ...\n", []),
        ("app.py", "app == 3\napp(4)\napplications = 4\n    app = 5\n", []),
        ("app.py", "\xff\xfe", []),
        ("elsewhere.py", "app = 1\n", []),
    ],
)
def test_what_may_be_an_application(tmp_path: Path, file: str, text: str, found: list[str]) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(text.encode("latin-1"))
    assert [look.word(each) for each in look.applications(str(tmp_path))] == found


def test_a_folder_that_has_gone(tmp_path: Path) -> None:
    assert list(look.applications(str(tmp_path / "gone"))) == []


def test_a_file_that_was_named(tmp_path: Path) -> None:
    cfg = Config(prog="licorne")
    cfg.set("config", "site.py", origin="command line")
    assert "The configuration file site.py does not set it." in complaint(cfg, str(tmp_path))


@pytest.mark.parametrize("file", [None, "gunicorn.conf.py", "licorne.toml"])
def test_the_command_without_an_application(tmp_path: Path, file: str | None) -> None:
    """What to give, and which files were looked for, in lines for a terminal; status 1."""
    if file is not None:
        (tmp_path / file).write_text("workers = 2\n")
    (tmp_path / "shop.py").write_text("app = 1\n")
    (tmp_path / "wsgi.py").write_text("application = 1\n")
    environment = {name: value for name, value in os.environ.items() if "CMD_ARGS" not in name}
    told = subprocess.run(
        [sys.executable, "-m", "licorne"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert told.returncode == 1
    assert told.stdout == ""
    blank, first, *lines = told.stderr.splitlines()
    assert (blank, first) == ("", "Error: No application module specified.")
    assert "`licorne app:app`" in lines[0]
    assert "wsgi_app" in lines[1]
    if file is None:
        names = "licorne.conf.py, gunicorn.conf.py, pyproject.toml, licorne.toml"
        assert f"Looked for {names}\nin {tmp_path}: there is none.\n" in told.stderr
    else:
        assert f"In {tmp_path}, {file} did not set it.\n" in told.stderr
    assert lines[-4:] == [
        "This folder seems to have applications. Perhaps:",
        "  licorne wsgi  wsgi.py",
        "  licorne init  writes a licorne.toml that says so",
        "See licorne --help.",
    ]
    assert [line for line in lines if len(line) > 80 and str(tmp_path) not in line] == []
