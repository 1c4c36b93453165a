"""Programs that bring their own class of `--reload`, or start one of gunicorn's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APP = """
import os

def app(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""

#: As a program does that has to follow links, or must not use inotify.
CONF = """
import gunicorn.reloader

class Following(gunicorn.reloader.Reloader):
    def __init__(self, extra_files=None, interval=10, callback=None):
        super().__init__(extra_files, interval, callback)

    def get_files(self):
        print("LOOKS", flush=True)
        return list(self._extra_files)

gunicorn.reloader.reloader_engines["following"] = Following
reload = True
reload_engine = "following"
reload_extra_files = ["watched"]
"""


def test_an_engine_of_the_program(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(CONF)
    (tmp_path / "watched").touch()
    server = serve("site_app:app", cwd=tmp_path)
    first = int(server.get("/")[1])
    server.output.wait_for("LOOKS", 2)
    os.utime(tmp_path / "watched", (1000, 1000))
    server.log.wait_for("Worker reloading: watched modified")
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    assert int(server.get("/")[1]) == server.worker_pid(2)


def test_a_hook_that_adds_a_file(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(
        "reload = True\n"
        "reload_engine = 'poll'\n"
        "def post_worker_init(worker):\n"
        "    worker.reloader.add_extra_file('watched')\n"
        "    look = worker.reloader.files\n"
        "    def files():\n"
        "        print('LOOKS', 'watched' in look(), flush=True)\n"
        "        return look()\n"
        "    worker.reloader.files = files\n"
    )
    (tmp_path / "watched").touch()
    server = serve("site_app:app", cwd=tmp_path)
    server.output.wait_for("LOOKS True", 2)
    os.utime(tmp_path / "watched", (1000, 1000))
    server.log.wait_for("Worker reloading: watched modified")


def test_a_reload_engine_that_does_not_exist(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(APP)
    server = serve("site_app:app", "--reload", "--reload-engine", "following", cwd=tmp_path)
    assert server.wait() == 1
    assert any("give one of: auto, poll, inotify" in line for line in server.log.rest())


def test_a_worker_that_starts_one_of_gunicorns(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "site_app.py").write_text(
        APP
        + """
from gunicorn.reloader import reloader_engines
from gunicorn.workers.sync import SyncWorker

class Own(SyncWorker):
    def init_process(self):
        engine = reloader_engines[self.cfg.reload_engine]
        self.reloader = engine(callback=print, extra_files=self.cfg.reload_extra_files)
        super().init_process()

    def run(self):
        self.log.info("started: %s", self.reloader.is_alive())
        super().run()
"""
    )
    server = serve("site_app:app", "-k", "site_app.Own", cwd=tmp_path)
    server.log.wait_for("started: True")
    assert int(server.get("/")[1]) == server.worker_pid()
