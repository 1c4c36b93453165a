"""PasteDeploy files: `--paste`, the server runner under `pserve`, a real Pyramid application."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.server import Serve

pytest.importorskip("pyramid")
pytest.importorskip("paste.deploy")

SITE = Path(__file__).with_name("apps") / "pyramid_site.py"

APPS = """
[app:main]
use = call:pyramid_site:main
colour = blue

[app:second]
use = call:pyramid_site:plain
word = spoken
"""

SERVER = """
[server:main]
use = egg:licorne#main
host = 127.0.0.1
port = 0
workers = 2
proc_name = shop
"""

LOGGING = """
[loggers]
keys = root, gunicorn

[handlers]
keys = console

[formatters]
keys = short

[logger_root]
level = INFO
handlers = console

[logger_gunicorn]
level = INFO
handlers = console
qualname = gunicorn.error
propagate = 0

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = short

[formatter_short]
format = FROM-INI %(message)s
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application's module and its ini file."""
    shutil.copy(SITE, tmp_path)
    (tmp_path / "site.ini").write_text(APPS)
    return tmp_path


def test_the_application_of_a_file(folder: Path, serve: Serve) -> None:
    server = serve("site.ini", "--paste", cwd=folder)
    assert server.get("/hello/you") == (200, b"hello you, blue")
    assert server.get("/nowhere")[0] == 404


def test_a_section_of_a_file(folder: Path, serve: Serve) -> None:
    server = serve("site.ini#second", "--paste", cwd=folder)
    assert server.get("/") == (200, b"plain spoken " + folder.name.encode())


def test_variables_from_the_command_line(folder: Path, serve: Serve) -> None:
    server = serve("site.ini", "--paste-global", "colour=a=b", "--paste", cwd=folder)
    assert server.get("/hello/you") == (200, b"hello you, a=b")


def test_the_logging_of_a_file(folder: Path, serve: Serve) -> None:
    (folder / "site.ini").write_text(APPS + LOGGING)
    server = serve("site.ini", "--paste", cwd=folder)
    server.log.wait_for("^FROM-INI Listening at")
    assert server.get("/hello/you")[0] == 200


def test_the_setting_in_a_configuration_file(folder: Path, serve: Serve) -> None:
    (folder / "gunicorn.conf.py").write_text("paste = 'site.ini'\nworkers = 1\n")
    # Pyramid imports pkg_resources, and newer setuptools warn of that.
    quiet = {"PYTHONWARNINGS": "ignore::UserWarning"}
    server = serve("--check-config", cwd=folder, environment=quiet)
    assert server.wait() == 0
    assert server.log.rest() == []


def test_the_file_is_read_again_on_hup(folder: Path, serve: Serve) -> None:
    server = serve("site.ini", "--paste", cwd=folder)
    assert server.get("/hello/you") == (200, b"hello you, blue")
    old = server.worker_pid()
    (folder / "site.ini").write_text(APPS.replace("blue", "green"))
    server.send(signal.SIGHUP)
    server.log.wait_for(rf"Worker exiting \(pid: {old}\)")
    assert server.get("/hello/you") == (200, b"hello you, green")


def test_pserve(folder: Path, serve: Serve) -> None:
    points = entry_points(group="paste.server_runner", name="main")
    assert "licorne.app.pasterapp:serve" in [point.value for point in points]
    (folder / "site.ini").write_text(APPS + SERVER + LOGGING)
    server = serve("site.ini", bind=(), cwd=folder, program=("-m", "pyramid.scripts.pserve"))
    server.worker_pid(2)
    assert server.get("/hello/you") == (200, b"hello you, blue")
    assert server.log.matching("^FROM-INI Listening at")
    old = server.worker_pid()
    server.send(signal.SIGHUP)
    server.gone(old)
    assert server.get("/hello/me") == (200, b"hello me, blue")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("workers = many", "Invalid value for workers: 'many' (from "),
        ("colour = red", "No configuration setting for: colour"),
        ("config = none.py", "'none.py' doesn't exist"),
    ],
)
def test_a_section_that_cannot_be_used(folder: Path, section: str, message: str) -> None:
    (folder / "site.ini").write_text(APPS + SERVER.replace("workers = 2", section))
    refused = command(folder, "-m", "pyramid.scripts.pserve", "site.ini")
    assert "Exiting 1 " in refused.stderr
    assert f"\nError: {message}" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--paste", "none.ini"), "/none.ini' not found (from paste, command line)"),
        (("--paste", "bad.ini"), "Cannot read the PasteDeploy file"),
        (
            ("--paste", "site.ini", "--paste-global", "x"),
            "Invalid value for raw_paste_global_conf: 'x' (from command line): give NAME=VALUE.",
        ),
    ],
)
def test_refusals(folder: Path, words: tuple[str, ...], message: str) -> None:
    (folder / "bad.ini").write_text("no section\n")
    refused = command(folder, "-m", "licorne", *words)
    assert refused.returncode == 1
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


def test_without_the_package(folder: Path) -> None:
    (folder / "start.py").write_text(
        "import sys\nsys.modules['paste.deploy'] = None\n"
        "from licorne.app.wsgiapp import run\nrun()\n"
    )
    refused = command(folder, "start.py", "-b", "127.0.0.1:0", "--paste", "site.ini")
    assert refused.returncode == 4
    assert "needs the package PasteDeploy: pip install 'licorne[paste]'" in refused.stderr


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
