"""manage.py of a project with `licorne.django`: runserver on the engine, and the server."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, Protocol

import pytest
import requests

from e2e.django_project import PROJECT, made, manage
from e2e.server import open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.server import Serve, Server

ADDRESS = r"Starting (?:WSGI )?development server at http://127\.0\.0\.1:(\d+)/"
#: The reloader has made its first round: from now on it sees changes, and Ctrl-C meets no import.
WATCHED = r"File .*/notes/views\.py first seen"
CSS = "static/admin/css/base.css"


class Manage(Protocol):
    """Starts a command of manage.py that serves."""

    def __call__(self, *words: str, cwd: Path = PROJECT, **variables: str) -> Server: ...


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the project's data is; no test changes it."""
    return made(tmp_path_factory)


@pytest.fixture
def start(serve: Serve, environment: dict[str, str]) -> Iterator[Manage]:
    """Start `manage.py WORDS`; variables of the environment tell the project what to be."""
    developed: list[Server] = []

    def started(*words: str, cwd: Path = PROJECT, **variables: str) -> Server:
        with_them = environment | variables
        words = ("manage.py", *words)
        server = serve("", bind=(), cwd=cwd, environment=with_them, program=words)
        if "--noreload" in words:
            developed.append(server)
        return server

    yield started
    for server in developed:
        # Here TERM would just kill it; a reloader ends at it.
        if server.runs():
            interrupt(server)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project in a folder of the test's own, to be changed."""
    return shutil.copytree(PROJECT, tmp_path / "project")


def url(server: Server, number: int = 1) -> str:
    """Where runserver says that it listens, the `number`-th time it says so."""
    return f"http://127.0.0.1:{server.output.wait_for(ADDRESS, number)[1]}/"


def interrupt(server: Server) -> int:
    """Ctrl-C: the terminal sends it to the process and its children."""
    os.killpg(server.pid, signal.SIGINT)
    return server.wait()


def finished(server: Server, address: str, number: int = 1) -> requests.Response:
    """The answer of the `number`-th request, when Django has done what comes behind it.

    A client that leaves meanwhile is told of as one that has aborted its request.
    """
    with requests.Session() as session:
        answer = session.get(address, timeout=PATIENCE)
        server.log.wait_for("app: finished", number)
    return answer


@pytest.mark.parametrize("reloading", [(), ("--noreload",)])
def test_runserver_is_the_engine(start: Manage, reloading: tuple[str, ...]) -> None:
    server = start("runserver", "127.0.0.1:0", *reloading, PROJECT_DEBUG="1")
    at = url(server)
    answer = requests.get(at, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["Server"]) == (200, "licorne")
    assert answer.headers["X-Entry"] == "demo_project.wsgi"
    server.log.wait_for(r'^\[.*\] "GET / HTTP/1\.1" 200 8$')
    assert requests.get(f"{at}nowhere/", timeout=PATIENCE).status_code == 404
    server.log.wait_for(r'"GET /nowhere/ HTTP/1\.1" 404 \d+$')
    said = "\n".join(server.output.all())
    assert "Performing system checks..." in said
    assert "using settings 'demo_project.settings'" in said
    assert "Quit the server with CONTROL-C." in said
    if not reloading:
        server.log.wait_for(WATCHED)
    assert interrupt(server) == 0
    assert not server.log.matching("KeyboardInterrupt")


@pytest.mark.parametrize("reloading", [(), ("--noreload",)])
def test_runserver_serves_asgi_when_the_project_says_so(
    start: Manage, reloading: tuple[str, ...]
) -> None:
    server = start("runserver", "127.0.0.1:0", *reloading, PROJECT_DEBUG="1", PROJECT_ASGI="1")
    at = url(server)
    answer = finished(server, at)
    assert (answer.status_code, answer.headers["Server"]) == (200, "licorne")
    assert answer.headers["X-Entry"] == "demo_project.asgi"
    server.log.wait_for(r'^\[.*\] "GET / HTTP/1\.1" 200 8$')
    # Of Django's handler for static files, around the application.
    style = finished(server, f"{at}{CSS}", 2)
    assert (style.status_code, "X-Entry" in style.headers) == (200, False)
    assert server.output.matching("^Serving ASGI_APPLICATION demo_project.asgi.application$")
    if not reloading:
        server.log.wait_for(WATCHED)
    assert interrupt(server) == 0
    assert not server.log.matching("KeyboardInterrupt|Traceback")


def test_runserver_asgi_reloads(start: Manage, copy: Path) -> None:
    server = start("runserver", "127.0.0.1:0", cwd=copy, PROJECT_ASGI="1")
    assert finished(server, url(server)).status_code == 200
    server.log.wait_for(WATCHED)
    views = copy / "notes" / "views.py"
    views.write_text(views.read_text() + "\n")
    answer = finished(server, url(server, 2), 2)
    assert answer.headers["X-Entry"] == "demo_project.asgi"
    assert interrupt(server) == 0


def test_runserver_noasgi(start: Manage) -> None:
    server = start("runserver", "127.0.0.1:0", "--noreload", "--noasgi", PROJECT_ASGI="1")
    answer = requests.get(url(server), timeout=PATIENCE)
    assert answer.headers["X-Entry"] == "demo_project.wsgi"


def test_the_command_serves_asgi_when_it_is_told_to(start: Manage) -> None:
    server = start("licorne", "-k", "asgi", "127.0.0.1:0", PROJECT_ASGI="1")
    assert finished(server, server.url).headers["X-Entry"] == "demo_project.asgi"
    assert server.stop() == 0


def test_runserver_without_the_app_is_djangos(start: Manage) -> None:
    server = start("runserver", "127.0.0.1:0", PROJECT_APPS="none")
    assert requests.get(url(server), timeout=PATIENCE).headers["Server"].startswith("WSGIServer/")


@pytest.mark.parametrize("apps", ["last", "without staticfiles"])
def test_runserver_wherever_the_app_stands(start: Manage, apps: str) -> None:
    server = start("runserver", "127.0.0.1:0", "--skip-checks", PROJECT_APPS=apps)
    assert requests.get(f"{url(server)}static/x", timeout=PATIENCE).headers["Server"] == "licorne"


@pytest.mark.parametrize(
    ("debug", "flags", "status"),
    [("1", (), 200), ("1", ("--nostatic",), 404), ("0", (), 404), ("0", ("--insecure",), 200)],
)
def test_runserver_and_static_files(
    start: Manage, debug: str, flags: tuple[str, ...], status: int
) -> None:
    server = start("runserver", "127.0.0.1:0", "--noreload", *flags, PROJECT_DEBUG=debug)
    assert requests.get(f"{url(server)}{CSS}", timeout=PATIENCE).status_code == status


@pytest.mark.parametrize(("flags", "threads"), [((), True), (("--nothreading",), False)])
def test_runserver_and_threads(start: Manage, flags: tuple[str, ...], threads: bool) -> None:
    server = start("runserver", "127.0.0.1:0", "--noreload", *flags)
    said = requests.get(f"{url(server)}environ/", timeout=PATIENCE).json()
    assert said["wsgi.multithread"] is threads
    assert said["wsgi.multiprocess"] is False


def test_runserver_serves_while_a_request_waits(start: Manage, fifo: str) -> None:
    server = start("runserver", "127.0.0.1:0", "--noreload")
    at = url(server)
    with requests.get(f"{at}gated/?gate={fifo}", stream=True, timeout=PATIENCE) as waiting:
        blocks = waiting.iter_content(6)
        assert next(blocks) == b"first\n"
        assert requests.get(at, timeout=PATIENCE).status_code == 200
        open_gate(fifo)
        assert sum(map(len, blocks)) == 100 * 65536


def test_runserver_ends_although_a_request_hangs(start: Manage, fifo: str) -> None:
    """As Django's own does: Ctrl-C is meant."""
    server = start("runserver", "127.0.0.1:0", "--noreload")
    with requests.get(f"{url(server)}gated/?gate={fifo}", stream=True, timeout=PATIENCE) as waiting:
        assert next(waiting.iter_content(6)) == b"first\n"
        assert interrupt(server) == 0


@pytest.mark.parametrize("hanging", [False, True])
def test_runserver_reloads(start: Manage, copy: Path, fifo: str, hanging: bool) -> None:
    server = start("runserver", "127.0.0.1:0", cwd=copy)
    first = url(server)
    assert requests.get(first, timeout=PATIENCE).text == "0 notes\n"
    views = copy / "notes" / "views.py"
    changed = views.read_text(encoding="utf-8").replace(" notes\\n", " lines\\n")
    with requests.Session() as session:
        if hanging:
            session.get(f"{first}gated/?gate={fifo}", stream=True, timeout=PATIENCE)
        server.log.wait_for(WATCHED)
        views.write_text(changed, encoding="utf-8")
        assert requests.get(url(server, 2), timeout=PATIENCE).text == "0 lines\n"
    server.log.wait_for(WATCHED, 2)
    assert interrupt(server) == 0


def test_runserver_says_what_is_wrong_with_an_address(start: Manage) -> None:
    first = start("runserver", "127.0.0.1:0", "--noreload")
    port = url(first).rpartition(":")[2].rstrip("/")
    second = start("runserver", f"127.0.0.1:{port}", "--noreload")
    second.log.wait_for("Error: That port is already in use.")
    assert second.wait() == 1


def test_runserver_listens_to_ipv6(start: Manage) -> None:
    server = start("runserver", "[::1]:0", "--noreload")
    port = server.output.wait_for(r"server at http://\[::1\]:(\d+)/")[1]
    assert requests.get(f"http://[::1]:{port}/environ/", timeout=PATIENCE).status_code == 400


@pytest.mark.parametrize(("command", "workers"), [("licorne", 2), ("run_gunicorn", 1)])
def test_the_server_as_a_command(
    start: Manage, args: tuple[str, ...], command: str, workers: int
) -> None:
    words = (*args, "-w", str(workers), "127.0.0.1:0", "--settings", "demo_project.settings")
    server = start(command, *words)
    answer = requests.get(server.url, timeout=PATIENCE)
    assert (answer.text, answer.headers["X-Entry"]) == ("0 notes\n", "demo_project.wsgi")
    assert len({server.worker_pid(number + 1) for number in range(workers)}) == workers
    hint = server.log.matching("manage.py run_gunicorn is now: manage.py licorne")
    assert len(hint) == (command == "run_gunicorn")


def test_hup_loads_new_code(start: Manage, copy: Path) -> None:
    """Nothing that manage.py has loaded is handed to workers."""
    server = start("licorne", "127.0.0.1:0", cwd=copy)
    assert requests.get(server.url, timeout=PATIENCE).text == "0 notes\n"
    views = copy / "notes" / "views.py"
    changed = views.read_text(encoding="utf-8").replace(" notes\\n", " lines\\n")
    views.write_text(changed, encoding="utf-8")
    first = server.worker_pid()
    server.send(signal.SIGHUP)
    server.log.wait_for(rf"Worker exiting \(pid: {first}\)")
    assert requests.get(server.url, timeout=PATIENCE).text == "0 lines\n"


def test_settings_from_a_file_and_the_environment(start: Manage, copy: Path) -> None:
    lines = 'bind = "127.0.0.1:1"\nproc_name = "notes"\nworkers = 7\n'
    (copy / "gunicorn.conf.py").write_text(lines, encoding="utf-8")
    server = start("licorne", "--print-config", "0:8123", cwd=copy, LICORNE_CMD_ARGS="--workers 3")
    server.output.wait_for(r"^bind += \['0\.0\.0\.0:8123'\]")
    server.output.wait_for(r"^workers += 3")
    server.output.wait_for(r"^proc_name += notes")
    assert server.wait() == 0


def test_it_is_found_from_elsewhere(start: Manage, tmp_path: Path) -> None:
    at = os.path.relpath(PROJECT / "manage.py", tmp_path)
    (tmp_path / "manage.py").symlink_to(at)
    server = start("licorne", "127.0.0.1:0", "--pythonpath", str(PROJECT), cwd=tmp_path)
    assert requests.get(server.url, timeout=PATIENCE).text == "0 notes\n"


def test_checks_come_first(start: Manage, environment: dict[str, str], copy: Path) -> None:
    with (copy / "notes" / "models.py").open("a", encoding="utf-8") as models:
        models.write("\n    broken = models.ForeignKey('missing', models.CASCADE)\n")
    server = start("licorne", "127.0.0.1:0", cwd=copy)
    server.log.wait_for("SystemCheckError")
    assert server.wait() == 1
    manage("licorne", "--skip-checks", "--check-config", environment=environment, cwd=copy)


@pytest.mark.parametrize("words", [("licorne", "--help"), ("help", "licorne")])
def test_help(environment: dict[str, str], words: tuple[str, ...]) -> None:
    said = manage(*words, environment=environment)
    assert said.startswith("usage: manage.py licorne [OPTIONS] [ADDRPORT]\n")
    assert "--workers" in said
    assert "--settings" in said


def test_mistakes_on_the_command_line(start: Manage) -> None:
    server = start("licorne", "--wrkers", "2")
    server.log.wait_for("manage.py licorne: error: unrecognized arguments: --wrkers")
    assert server.wait() == 2
