"""`licorne init`: what it finds in a folder, and the file that it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from licorne.config import toml
from licorne.project.command import contents
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
STARLETTE = "import starlette.applications\napp = starlette.applications.Starlette()\n"
DJANGO = "from django.core.{0} import get_{0}_application\napplication = get_{0}_application()\n"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def settings(folder: Path) -> tuple[dict[str, object], str]:
    text, told = contents("licorne", str(folder))
    (folder / "licorne.toml").write_text(text)
    return toml.settings(str(folder / "licorne.toml")), told


@pytest.mark.parametrize(
    ("files", "application", "told"),
    [
        ({"app.py": FLASK}, "app:app", "serves app:app (Flask, app.py)."),
        ({"main.py": FASTAPI}, "main:app", "serves main:app (FastAPI, main.py)."),
        ({"app/main.py": FASTAPI}, "app.main:app", "serves app.main:app (FastAPI, app/main.py)."),
        ({"main.py": STARLETTE}, "main:app", "serves main:app (Starlette, main.py)."),
        (
            {
                "manage.py": "",
                "shop/asgi.py": DJANGO.format("asgi"),
                "shop/wsgi.py": DJANGO.format("wsgi"),
            },
            "shop.wsgi",
            "serves shop.wsgi (Django, shop/wsgi.py).",
        ),
        (
            {"wsgi.py": "from flask import Flask\ndef create_app(): return Flask('x')\n"},
            "wsgi:create_app()",
            "serves wsgi:create_app() (Flask, wsgi.py).",
        ),
        ({"server.py": "app = 3\n", "main.py": FASTAPI}, "main:app", "serves main:app"),
    ],
)
def test_an_application(tmp_path: Path, files: dict[str, str], application: str, told: str) -> None:
    write(tmp_path, files)
    made, said = settings(tmp_path)
    assert made == {"wsgi_app": application, "workers": "auto"}
    assert said.startswith(told)


def test_nothing(tmp_path: Path) -> None:
    made, told = settings(tmp_path)
    assert made == {"workers": "auto"}
    assert told == "no application was found: set wsgi_app in it."
    assert '# wsgi_app = "app:app"' in (tmp_path / "licorne.toml").read_text()


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (
            "Procfile",
            "web: gunicorn shop:app -w 3 --timeout 60 -b 0.0.0.0:$PORT --log-level debug\n",
            {"wsgi_app": "shop:app", "workers": 3, "timeout": 60},
        ),
        (
            "Dockerfile",
            'FROM python\nCMD ["uvicorn", "shop:app", "--host", "0.0.0.0", "--port", "80"]\n',
            {"wsgi_app": "shop:app", "bind": ["0.0.0.0:80"]},
        ),
        (
            "entrypoint.sh",
            "exec gunicorn -c gunicorn.conf.py -k uvicorn.workers.UvicornWorker shop:app\n",
            {"wsgi_app": "shop:app", "worker_class": "asgi"},
        ),
    ],
)
def test_a_command(tmp_path: Path, file: str, text: str, expected: dict[str, object]) -> None:
    """Its application and its most important settings; a file that it names is not executed."""
    write(tmp_path, {file: text, "app.py": FLASK, "gunicorn.conf.py": "raise SystemExit\n"})
    made, told = settings(tmp_path)
    assert made == expected
    assert told.startswith(f"serves shop:app, as {file}:")
    text = (tmp_path / "licorne.toml").read_text()
    assert f"licorne migrate {file}" in text
    assert ("licorne migrate gunicorn.conf.py" in text) == (file == "entrypoint.sh")


def licorne(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {n: v for n, v in os.environ.items() if "CMD_ARGS" not in n}
    return subprocess.run(
        [sys.executable, "-m", "licorne", *words],
        capture_output=True, text=True, check=False, cwd=cwd, env=environment, timeout=PATIENCE,
    )  # fmt: skip


def test_the_command(tmp_path: Path) -> None:
    """The file is taken by --check-config, stays when it is there, and --force writes it anew."""
    write(tmp_path, {"app.py": "def app(environ, start_response): ...\n"})
    told = licorne("init", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0] == "Wrote ./licorne.toml: serves app:app (app.py)."
    checked = licorne("--check-config", cwd=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    (tmp_path / "licorne.toml").write_text("workers = 9\n")
    again = licorne("init", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "./licorne.toml is there already: --force writes it anew." in again.stderr
    assert (tmp_path / "licorne.toml").read_text() == "workers = 9\n"
    assert licorne("init", "--force", str(tmp_path), cwd=tmp_path).returncode == 0
    assert "app:app" in (tmp_path / "licorne.toml").read_text()


def test_every_commented_line_is_a_setting(tmp_path: Path) -> None:
    """What a reader uncomments is taken."""
    text, _ = contents("licorne", str(tmp_path))
    shown = [line[2:] for line in text.splitlines() if line.startswith("# ") and " = " in line]
    assert len(shown) >= 6
    (tmp_path / "licorne.toml").write_text("\n".join(shown) + "\n")
    assert "bind" in toml.settings(str(tmp_path / "licorne.toml"))


def test_no_folder(tmp_path: Path) -> None:
    told = licorne("init", "gone", cwd=tmp_path)
    assert told.returncode == 1
    assert "'gone' is no folder: give one that is there." in told.stderr


def test_a_folder_with_a_command_is_told_of_it(tmp_path: Path) -> None:
    """By `licorne` alone: what it would serve, and how."""
    write(tmp_path, {"Procfile": "web: gunicorn app:app\n", "app.py": FLASK})
    told = licorne(cwd=tmp_path)
    assert told.returncode == 1
    assert "  licorne app:app  Flask, a WSGI application, app.py\n" in told.stderr
    assert "Procfile:1 starts gunicorn: `licorne init` takes that over.\n" in told.stderr
