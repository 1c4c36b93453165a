"""Settings from files and variables, in a real server: taken, read again at HUP, or refused."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from e2e.server import BOOTING

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an application."""
    (tmp_path / "site_app.py").write_text(APP)
    return tmp_path


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs a TOML parser")
def test_a_file_in_toml_is_read_again_at_a_reload(serve: Serve, folder: Path) -> None:
    file = folder / "licorne.toml"
    file.write_text('workers = 2\naccesslog = "-"\n')
    server = serve("site_app:app", cwd=folder)
    server.log.wait_for(BOOTING, count=2)
    assert server.get("/one")[0] == 200
    server.output.wait_for('"GET /one HTTP/1.1" 200')
    file.write_text("worker = 3\n")
    server.send(signal.SIGHUP)
    server.log.wait_for("there is no setting 'worker'. Did you mean 'workers'?")
    assert server.get("/two")[0] == 200
    file.write_text('workers = 3\naccesslog = "-"\n')
    server.send(signal.SIGHUP)
    server.log.wait_for(BOOTING, count=5)


def test_a_deploy_by_a_link_to_the_release(serve: Serve, tmp_path: Path) -> None:
    """Capistrano's way: the server is started in `current`, which then leads to a new release."""
    for release in ("one", "two"):
        (tmp_path / release / "src").mkdir(parents=True)
        (tmp_path / release / "src" / "site_app.py").write_text(
            APP.replace("ok", release).replace('"2"', '"3"')
        )
        (tmp_path / release / "settings.py").write_text(f"raw_env = ['RELEASE={release}']\n")
    current = tmp_path / "current"
    current.symlink_to("one")
    words = ("site_app:app", "-c", "settings.py", "--chdir", "src")
    server = serve(*words, cwd=current, environment={"PWD": str(current)})
    assert server.get("/") == (200, b"one")
    current.unlink()
    current.symlink_to("two")
    server.send(signal.SIGHUP)
    server.log.wait_for(rf"Worker exiting \(pid: {server.worker_pid(1)}\)")
    assert server.get("/") == (200, b"two")


def test_variables(serve: Serve, folder: Path) -> None:
    set_ = {"LICORNE_WORKERS": "2", "LICORNE_ACCESSLOG": "-", "GUNICORN_CMD_ARGS": "-w 1"}
    server = serve("site_app:app", cwd=folder, environment=set_)
    server.log.wait_for(BOOTING, count=2)
    assert server.get("/one")[0] == 200
    server.output.wait_for('"GET /one HTTP/1.1" 200')


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({"LICORNE_WORKER": "2"}, [], "no setting 'worker'. Did you mean 'workers'? Rename"),
        ({"LICORNE_WORKERS": "x"}, [], "workers: 'x' (from $LICORNE_WORKERS): give a whole number"),
        ({}, ["--dirty-app", "a:b"], "dirty_apps is not available yet in licorne "),
        ({"GUNICORN_CMD_ARGS": "-k 'x"}, [], "Cannot split GUNICORN_CMD_ARGS into words"),
    ],
)
def test_refusals(
    serve: Serve, folder: Path, environment: dict[str, str], arguments: list[str], said: str
) -> None:
    server = serve("site_app:app", *arguments, cwd=folder, environment=environment)
    assert server.wait() == 1
    told = server.log.rest()
    assert told[0] == ""
    assert told[1].startswith("Error: ")
    assert said in told[1]


def test_nothing_to_complain_of_in_a_bare_container(serve: Serve, folder: Path) -> None:
    """No home, no place for temporary files, a user without a name: not one line of noise."""
    bare = {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}
    server = serve("site_app:app", cwd=folder, environment=bare)
    assert server.get("/")[0] == 200
    assert server.stop() == 0
    lines = server.log.rest()
    assert [line for line in lines if "[INFO]" not in line] == []
    assert any("Booting worker" in line for line in lines)


def test_a_file_knows_where_it_lies(serve: Serve, tmp_path: Path) -> None:
    """With a relative name, and when `chdir` has led elsewhere before a hook asks."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site_app.py").write_text("def app(environ, start_response): pass\n")
    (tmp_path / "etc" / "site.conf.py").write_text(
        f"chdir = {str(tmp_path / 'site')!r}\nat_first = __file__\n"
        "def when_ready(server):\n"
        "    import os\n"
        "    server.log.info('at %s, %s, %s', at_first, __file__, os.path.abspath(__file__))\n"
    )
    server = serve("site_app:app", "-c", "etc/site.conf.py", cwd=tmp_path)
    place = str(tmp_path / "etc" / "site.conf.py")
    assert server.log.wait_for(r" at (.*)$")[1] == ", ".join([place] * 3)
