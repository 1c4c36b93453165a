"""`--reload`: a changed file brings new workers, and broken code a page instead of an end."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from e2e.server import ENDED
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

#: A file that changes twice within a second looks the same to Python's bytecode cache.
NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}
ANSWER = """
import helper
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"app {} helper {{helper.VERSION}}".encode()]
"""
ENGINES = ["poll", "auto"]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with an application of two modules."""
    (tmp_path / "changing.py").write_text(ANSWER.format(1), encoding="ascii")
    (tmp_path / "helper.py").write_text("VERSION = 1\n", encoding="ascii")
    return tmp_path


def rewrite(path: Path, text: str) -> None:
    """Change a file as editors do: a worker that is loading sees one text or the other."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="ascii")
    new.replace(path)


def until(server: Server, status: int, text: bytes) -> bytes:
    """Ask until the answer is this one: a new generation is there when it answers."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = server.get("/")
        if found[0] == status and text in found[1]:
            return found[1]
        assert time.monotonic() < deadline, found
        # The engines that look for changes need the processor, too.
        time.sleep(0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_changed_module(args: tuple[str, ...], serve: Serve, code: Path, engine: str) -> None:
    words = ("--reload", "--reload-engine", engine, "-w", "2")
    server = serve("changing", *args, *words, cwd=code, environment=NO_CACHE)
    assert server.get("/") == (200, b"app 1 helper 1")
    server.worker_pid(2)
    server.log.wait_for(r"\[WARNING\] Reloader is on. Use in development only!")
    rewrite(code / "helper.py", "VERSION = 22\n")
    server.log.wait_for(rf"Worker reloading: {code}/helper\.py modified")
    until(server, 200, b"app 1 helper 22")
    # The second one may not have come to serve.
    server.log.wait_for(ENDED.format(r"\d+"), 2)
    rewrite(code / "changing.py", ANSWER.format(33))
    until(server, 200, b"app 33 helper 22")


BROKEN = {
    "syntax": ("def application(:\n", b"SyntaxError"),
    "name": ("not_defined_anywhere\n", b"NameError: name 'not_defined_anywhere' is not defined"),
    "import": ("import a_module_not_there\n", b"No module named 'a_module_not_there'"),
    "exit": ("raise SystemExit('I will not')\n", b"SystemExit: I will not"),
    "no application": ("pass\n", b"Failed to find attribute 'application' in 'changing'"),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_broken_code_is_shown_and_a_fix_brings_it_back(serve: Serve, code: Path, kind: str) -> None:
    text, said = BROKEN[kind]
    server = serve("changing", "--reload", cwd=code, environment=NO_CACHE, tracebacks=True)
    assert server.get("/") == (200, b"app 1 helper 1")
    (code / "changing.py").write_text(text, encoding="ascii")
    page = until(server, 500, said)
    assert page.startswith(b"Traceback (most recent call last):")
    assert b"changing" in page
    (code / "changing.py").write_text(ANSWER.format(2), encoding="ascii")
    until(server, 200, b"app 2 helper 1")


def test_a_first_start_with_broken_code_stays_and_waits(
    args: tuple[str, ...], serve: Serve, code: Path
) -> None:
    (code / "helper.py").unlink()
    words = ("--reload", "--reload-engine", "poll")
    server = serve("changing", *args, *words, cwd=code, environment=NO_CACHE, tracebacks=True)
    until(server, 500, b"No module named 'helper'")
    server.log.wait_for(r"\[ERROR\] The application cannot be loaded")
    # The module was missing: its coming is the change.
    (code / "helper.py").write_text("VERSION = 5\n", encoding="ascii")
    until(server, 200, b"app 1 helper 5")
    # A mistake deep in a module that was never imported whole.
    (code / "helper.py").write_text("VERSION = 1 / 0\n", encoding="ascii")
    until(server, 500, b"ZeroDivisionError")
    (code / "helper.py").write_text("VERSION = 66\n", encoding="ascii")
    until(server, 200, b"app 1 helper 66")


def test_extra_files_by_path_and_by_pattern(serve: Serve, code: Path) -> None:
    literal, folder = code / "settings.ini", code / "templates"
    literal.touch()
    folder.mkdir()
    words = ("--reload-extra-file", str(literal), "--reload-extra-file", f"{folder}/**/*.html")
    server = serve("changing", "--reload", *words, cwd=code, environment=NO_CACHE)
    first = server.worker_pid(1)
    server.get("/")
    literal.write_text("more", encoding="ascii")
    server.log.wait_for(f"Worker reloading: {literal} modified")
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    deep = folder / "a"
    deep.mkdir()
    page = deep / "x.html"
    page.write_text("one", encoding="ascii")
    # Found by one look, changed before another: when exactly it was found is not known.
    deadline = time.monotonic() + PATIENCE
    while not server.log.matching(f"Worker reloading: {page} modified"):
        page.write_text(f"{time.monotonic_ns()}", encoding="ascii")
        server.get("/")
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_missing_extra_file_is_a_mistake(serve: Serve, code: Path) -> None:
    missing = str(code / "not-there")
    server = serve("changing", "--reload", "--reload-extra-file", missing, cwd=code)
    assert server.wait() == 1
    server.log.wait_for(f"Invalid value for reload_extra_files: .*{missing}.*there is no such file")


def test_inotify_without_the_package(serve: Serve, code: Path) -> None:
    """A warning, and the slower way."""
    (code / "watchfiles").mkdir()
    hidden = "import importlib.util as u\nfind = u.find_spec\n"
    hidden += "u.find_spec = lambda n, *a: None if n == 'watchfiles' else find(n, *a)\n"
    (code / "c.py").write_text(hidden, encoding="ascii")
    words = ("--reload", "--reload-engine", "inotify", "-c", str(code / "c.py"))
    server = serve("changing", *words, cwd=code, environment=NO_CACHE)
    server.log.wait_for(r"\[WARNING\] reload_engine 'inotify' needs the package watchfiles")
    server.get("/")
    (code / "helper.py").write_text("VERSION = 22\n", encoding="ascii")
    until(server, 200, b"app 1 helper 22")


def test_worker_int_is_called_for_a_stop_by_the_reloader(serve: Serve, code: Path) -> None:
    """As in gunicorn."""
    text = "def worker_int(worker):\n    worker.log.info('hook worker_int %s', worker.pid)\n"
    (code / "c.py").write_text(text, encoding="ascii")
    server = serve("changing", "--reload", "-c", "c.py", cwd=code, environment=NO_CACHE)
    first = server.worker_pid(1)
    server.get("/")
    os.utime(code / "helper.py", (1, 1))
    server.log.wait_for(f"hook worker_int {first}")
    assert server.stop() == 0
    assert len(server.log.matching("hook worker_int")) == 1


def test_a_module_of_settings_is_read_anew(serve: Serve, tmp_path: Path) -> None:
    """`-c python:MODULE`, with `raw_env`; what the module imports is left alone."""
    (tmp_path / "kept_part.py").write_text("import sys\nprint('PART', file=sys.stderr)\n")
    settings = tmp_path / "own_settings.py"
    text = "import kept_part\nworkers = {}\nraw_env = ['GREETING={}']\n"
    settings.write_text(text.format(1, "one"))
    (tmp_path / "greeting.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [os.environ['GREETING'].encode()]\n"
    )
    server = serve(
        "greeting:app", "-c", "python:own_settings", cwd=tmp_path,
        environment={"PYTHONDONTWRITEBYTECODE": "1"}, tracebacks=True,
    )  # fmt: skip
    assert server.get("/") == (200, b"one")
    settings.write_text(text.format(2, "three"))
    server.send(signal.SIGHUP)
    # The old worker may take in a last client until it has ended.
    server.log.wait_for("Worker exiting", 1)
    assert server.get("/") == (200, b"three")
    server.log.wait_for("Reload complete: 2 workers serve")
    settings.write_text("no_such_name\n")
    server.send(signal.SIGHUP)
    server.log.wait_for("Reload refused")
    settings.write_text(text.format(1, "four"))
    server.send(signal.SIGHUP)
    server.log.wait_for("Reload complete: 1 workers serve")
    server.log.wait_for("Worker exiting", 3)
    assert server.get("/") == (200, b"four")
    assert len(server.log.matching("^PART$")) == 1
