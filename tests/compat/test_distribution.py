"""The distribution `compat/`: built, installed beside licorne in a fresh environment, and used."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from compat.distribution import run
from e2e.django_project import PROJECT
from e2e.server import LISTENING, Lines
from licorne import CONTRACT_VERSION, __version__
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

APP = """
import gunicorn.app.base, licorne.app.base
assert gunicorn.app.base is licorne.app.base

def app(environ, start_response):
    start_response("200 OK", [])
    return [b"one"]
"""

SETTINGS = """
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
"""

URLS = """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("django"))]
"""

INI = """
[app:main]
use = call:plain:make
"""

TITLE = f"gunicorn 27.0.1 (licorne {__version__})"


class Started:
    """A command that serves."""

    def __init__(self, *words: str, cwd: Path) -> None:
        self.process = subprocess.Popen(
            words,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
        assert self.process.stderr is not None
        self.log = Lines(self.process.stderr)

    def get(self) -> str:
        from urllib.request import urlopen  # noqa: PLC0415 - only here

        port = self.log.wait_for(LISTENING)[1]
        with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.log.rest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A WSGI application, a Django project and a PasteDeploy file."""
    (tmp_path / "plain.py").write_text(APP + "\ndef make(_global, **_settings):\n    return app\n")
    (tmp_path / "site.ini").write_text(INI)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "settings.py").write_text(SETTINGS)
    (tmp_path / "shop" / "urls.py").write_text(URLS)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "body", "hint"),
    [
        (("gunicorn", "plain:app"), "one", ""),
        (("python", "-m", "gunicorn", "plain:app"), "one", ""),
        (("gunicorn_django",), "django", "gunicorn_django is now: gunicorn PROJECT.wsgi"),
        (("gunicorn_django", "shop/settings.py"), "django", "gunicorn_django is now"),
        (("gunicorn_django", "shop.settings"), "django", "gunicorn_django is now"),
        (("gunicorn_django", "-w", "2", "shop"), "django", "gunicorn_django is now"),
        (("gunicorn_paster", "site.ini"), "one", "gunicorn_paster FILE.ini is now: gunicorn"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_command_serves(
    commands: Path, folder: Path, words: tuple[str, ...], body: str, hint: str
) -> None:
    command = Started(str(commands / words[0]), *words[1:], "-b", "127.0.0.1:0", cwd=folder)
    try:
        assert command.get() == body
    finally:
        code = command.end()
    lines = command.log.rest()
    assert code == 0, lines
    assert hint in lines[0]
    assert [line for line in lines if line.endswith(f"] Starting {TITLE}")]
    assert not [line for line in lines if "means licorne" in line]


def test_gunicorn_in_installed_apps(
    commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It brings `manage.py run_gunicorn [OPTIONS] [ADDRPORT]`, and leaves runserver alone."""
    monkeypatch.setenv("PROJECT_DATA", str(tmp_path))
    monkeypatch.setenv("PROJECT_APPS", "gunicorn")
    manage = (str(commands / "python"), "manage.py")
    listed = run(*manage, "help", cwd=PROJECT).stdout
    assert "[licorne]\n    run_gunicorn\n" in listed
    assert re.search(r"^\[staticfiles\]\n(    \w+\n)*    runserver$", listed, re.MULTILINE)
    told = run(*manage, "run_gunicorn", "-w", "3", "--print-config", "9000", cwd=PROJECT)
    assert re.search(r"^bind += \['127.0.0.1:9000'\]", told.stdout, re.MULTILINE)
    assert re.search(r"^workers += 3", told.stdout, re.MULTILINE)


def test_gunicornc_asks_a_server(commands: Path, folder: Path, short_tmp: str) -> None:
    socket = f"{short_tmp}/c"
    words = ("-b", "127.0.0.1:0", "--control-socket", socket, "plain:app")
    server = Started(str(commands / "gunicorn"), *words, cwd=folder)
    try:
        assert server.get() == "one"
        server.log.wait_for("Control socket listening")
        told = run(str(commands / "gunicornc"), "-s", socket, "-c", "show workers", cwd=folder)
    finally:
        code = server.end()
    assert code == 0
    worker = server.log.wait_for(r"Booting worker with pid: (\d+)")[1]
    assert worker in told.stdout


def test_the_entry_point_and_the_version(commands: Path) -> None:
    body = (
        "from importlib.metadata import entry_points, version\n"
        "points = entry_points(group='paste.server_runner', name='main')\n"
        "print(sorted(p.value for p in points), version('gunicorn'))\n"
        "import gunicorn, gunicorn.glogging, licorne.glogging\n"
        "assert gunicorn.glogging is licorne.glogging\n"
        "print(gunicorn.__version__)\n"
    )
    lines = run(str(commands / "python"), "-c", body).stdout.splitlines()
    assert "gunicorn.app.pasterapp:serve" in lines[0]
    # Static, since it is built where licorne is not installed.
    assert lines[0].endswith(f" {CONTRACT_VERSION}+licorne.{__version__}")
    assert lines[1] == CONTRACT_VERSION


@pytest.mark.parametrize("words", [("gunicorn",), ("python", "-m", "gunicorn")])
def test_what_the_command_says_of_itself(commands: Path, words: tuple[str, ...]) -> None:
    said = run(str(commands / words[0]), *words[1:], "--version").stdout
    assert said == f"gunicorn (version 27.0.1) licorne {__version__}\n"


def test_a_program_that_asks_for_the_name(commands: Path) -> None:
    """Programs of their own compare it: with the default name they run under gunicorn."""
    body = (
        "from gunicorn.config import Config\n"
        "cfg = Config(prog='shop-server')\n"
        "print(cfg.default_proc_name, cfg.proc_name)\n"
        "import gunicorn.arbiter\n"
        "from licorne import aliases\n"
        "print(aliases.title(cfg.prog))\n"
    )
    lines = run(str(commands / "python"), "-c", body).stdout.splitlines()
    assert lines == ["gunicorn gunicorn", TITLE]
