"""The examples start as their README says."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import socketio
from websockets.sync.client import connect

from e2e.front import free_port, program, running
from e2e.server import LISTENING, Lines
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve, Server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ROW = re.compile(r"\| `(?P<file>[^`]+)` \| .* \| .*`(?P<command>[^`]+)` \|")
COMMANDS = {
    match["file"]: match["command"]
    for line in (EXAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
    if (match := ROW.fullmatch(line))
}


def start(serve: Serve, file: str, *more: str, **environment: str) -> Server:
    """Type the command that the README has for an example."""
    name, *words = shlex.split(COMMANDS[file])
    assert name == "licorne"
    return serve("", *words, *more, cwd=ROOT, environment=environment)


def test_each_example_is_in_the_list() -> None:
    found = {path.name for path in EXAMPLES.iterdir() if not path.name.startswith((".", "__"))}
    assert {name.rstrip("/") for name in COMMANDS} == found - {"README.md"}


def test_hello(serve: Serve) -> None:
    status, body = start(serve, "hello.py").get("/")
    assert status == 200
    assert body.startswith(b"Hello from gunicorn/27.0.1 licorne/")


def test_flask(serve: Serve) -> None:
    server = start(serve, "flask_app/")
    with requests.Session() as session:
        assert "Hello from Flask" in session.get(server.url, timeout=PATIENCE).text
        answer = session.get(f"{server.url}/hello?name=Ada", timeout=PATIENCE)
        assert answer.json() == {"message": "Hello, Ada!"}
        counts = [session.get(f"{server.url}/visits", timeout=PATIENCE).json() for _ in range(2)]
        assert counts == [{"visits": 1}, {"visits": 2}]


def test_django(serve: Serve) -> None:
    server = start(serve, "django_app/")
    assert requests.get(f"{server.url}/?name=Ada", timeout=PATIENCE).text == "Hello, Ada!\n"


@pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
def test_django_rest_framework_behind_nginx(serve: Serve, tmp_path: Path) -> None:
    """As its README says, in a copy: static files are gathered there, and ports are free ones."""
    place = tmp_path / "drf_app"
    shutil.copytree(EXAMPLES / "drf_app", place)
    (place / "tmp").mkdir()
    manage = [sys.executable, "manage.py", "collectstatic", "--no-input"]
    subprocess.run(manage, cwd=place, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    behind, port = free_port(), free_port()
    for name, ports in (("licorne.conf.py", "8000"), ("nginx.conf", "8000 8080")):
        text = (place / name).read_text()
        for old, new in zip(ports.split(), (behind, port), strict=False):
            assert f"127.0.0.1:{old}" in text
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        (place / name).write_text(text)
    words = shlex.split(COMMANDS["drf_app/"].replace("examples/drf_app", str(place)))
    server = serve("", *words[1:], bind=(), cwd=tmp_path)
    assert server.port == behind
    # Started by root, its workers would be of a user without the right to read this folder.
    nginx = [str(program("nginx")), "-g", "master_process off;", "-p", str(place)]
    with running([*nginx, "-c", "nginx.conf"], port):
        url = f"http://127.0.0.1:{port}"
        answer = requests.get(f"{url}/api/hello/", timeout=PATIENCE)
        assert answer.json() == "Hello, World!"
        browser = {"Accept": "text/html"}
        page = requests.get(f"{url}/api/hello/", headers=browser, timeout=PATIENCE).text
        style = re.search(r'href="(/static/rest_framework/css/[^"]+)"', page)
        assert style
        served = requests.get(url + style[1], timeout=PATIENCE)
        assert served.headers["Content-Type"] == "text/css"
        assert served.headers["Server"].startswith("nginx")
        asked = {"numbers": [1, 2, 39]}
        answer = requests.post(f"{url}/api/sum/", json=asked, timeout=PATIENCE)
        assert answer.json() == {"sum": 42, "client": "127.0.0.1"}
        answer = requests.post(f"{url}/api/sum/", json={"numbers": "x"}, timeout=PATIENCE)
        assert (answer.status_code, list(answer.json())) == (400, ["numbers"])


def test_websockets(serve: Serve) -> None:
    server = start(serve, "websocket_app.py")
    assert b"new WebSocket" in server.get("/")[1]
    url = server.url.replace("http:", "ws:") + "/talk"
    with connect(url, open_timeout=PATIENCE) as one:
        # A client that hears itself has joined.
        one.send("one")
        assert one.recv(PATIENCE) == "one"
        with connect(url, open_timeout=PATIENCE) as two:
            two.send("two")
            assert [two.recv(PATIENCE), one.recv(PATIENCE)] == ["two", "two"]
            one.send(b"\x00" * 100_000)
            assert two.recv(PATIENCE) == b"\x00" * 100_000


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socketio(serve: Serve, transport: str) -> None:
    server = start(serve, "socketio_app.py")
    patience = int(PATIENCE)
    with (
        socketio.SimpleClient(request_timeout=patience) as one,
        socketio.SimpleClient(request_timeout=patience) as two,
    ):
        for client in (one, two):
            client.connect(server.url, transports=[transport], wait_timeout=int(PATIENCE))
            assert client.transport == transport
        assert one.call("say", "hello", timeout=int(PATIENCE)) == "told"
        for client in (one, two):
            assert client.receive(timeout=PATIENCE) == ["said", "hello"]


@pytest.fixture
def many_files() -> Iterator[None]:
    """Room for a thousand connections, in this process and in the server that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], min(4096, before[1])), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_long_polling(serve: Serve) -> None:
    """A thousand clients wait at one worker, in little memory, and all of them are told."""
    server = start(serve, "long_polling.py")
    status = Path(f"/proc/{server.worker_pid()}/status")
    waiting = [server.client() for _ in range(1000)]
    for client in waiting:
        client.get("/messages?after=0", close=True)
    with server.client() as speaker:
        speaker.request("POST", "/messages", body=b"hello")
        assert json.loads(speaker.response().body) == {"last": 1}
        for client in waiting:
            with client:
                answer = json.loads(client.response().body)
            assert answer == {"last": 1, "messages": ["hello"]}
        for query, code in (("after=0", 200), ("after=x", 400)):
            speaker.get(f"/messages?{query}")
            assert speaker.response().status == code
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert peak
    assert int(peak[1]) < 60 * 1024


def test_a_configuration_file(serve: Serve) -> None:
    server = start(serve, "licorne.conf.py", "-w", "1")
    assert server.get("/")[0] == 200
    server.log.wait_for("hook: worker 1 has pid")
    server.output.wait_for('"GET / HTTP/1.1" 200')
    assert server.stop() == 0
    assert server.log.matching("hook: bye")


def test_the_hooks_in_the_order_of_a_life(serve: Serve, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    server = start(serve, "hooks/", READY_FILE=str(ready))
    assert server.get("/") == (200, b"ok\n")
    server.log.wait_for("hook: post_request GET /: 200")
    assert ready.read_text() == f"{server.pid}\n"
    server.send(signal.SIGTTIN)
    server.log.wait_for("hook: post_worker_init", 2)
    server.send(signal.SIGTTOU)
    # The second one, if the master has not noticed yet that it serves.
    gone = int(server.log.wait_for(r"hook: child_exit of worker (\d)")[1])
    server.send(signal.SIGHUP)
    server.log.wait_for(f"hook: child_exit of worker {3 - gone}")
    assert server.stop() == 0
    assert not ready.exists()
    called = [line.partition("hook: ")[2] for line in server.log.matching("hook: ")]
    booting = ("pre_fork of worker {}", "post_fork in worker {}", "post_worker_init")
    boots = [[each.format(number) for each in booting] for number in (1, 2, 3)]
    assert called == [
        "nworkers_changed from None to 1", "on_starting", "when_ready", *boots[0],
        "pre_request GET /", "post_request GET /: 200 OK",
        "nworkers_changed from 1 to 2", *boots[1],
        "nworkers_changed from 2 to 1", "worker_exit", f"child_exit of worker {gone}",
        "on_reload", *boots[2], "worker_exit", f"child_exit of worker {3 - gone}",
        "worker_exit", "child_exit of worker 3", "on_exit",
    ]  # fmt: skip


def test_the_hooks_of_workers_that_are_ended(serve: Serve) -> None:
    server = start(serve, "hooks/", TIMEOUT="1")
    assert server.get("/stuck")[0] == 504
    server.log.wait_for("hook: worker_abort")
    server.log.wait_for("hook: post_worker_init", 2)
    os.kill(server.worker_pid(2), signal.SIGINT)
    server.log.wait_for("hook: worker_int")
    server.log.wait_for("thread MainThread:")
    server.log.wait_for("hook: child_exit of worker 2")


def test_the_hook_of_another_master(serve: Serve) -> None:
    server = start(serve, "hooks/")
    server.log.wait_for("hook: post_worker_init")
    server.send(signal.SIGUSR2)
    server.log.wait_for("hook: pre_exec")
    successor = int(server.log.wait_for(r"New master with pid: (\d+)")[1])
    server.log.wait_for("hook: post_worker_init", 2)
    os.kill(successor, signal.SIGTERM)
    server.log.wait_for(r"Shutting down: Master\.2")


def test_a_program_with_its_own_server(serve: Serve) -> None:
    name, file, _address = shlex.split(COMMANDS["custom_application.py"])
    assert name == "python"
    server = serve("127.0.0.1:0", bind=(), cwd=ROOT, program=(file,))
    assert server.get("/") == (200, b"Hello from a program of its own\n")
    server.log.wait_for("Using worker: gthread")
    assert server.worker_pid(2)


def test_the_logging_recipe(serve: Serve, tmp_path: Path) -> None:
    server = start(serve, "logging_app.py", LOG_DIR=str(tmp_path))
    assert server.get("/page") == (200, b"Hello\n")
    server.log.wait_for(r"INFO logging_app\.py:\d+ asked for /page")
    assert server.stop() == 0
    written = (tmp_path / "application.log").read_text(encoding="utf-8")
    assert "asked for /page" in written
    assert "Worker exiting" in written  # the server's own lines go there too


def test_under_supervisord(short_tmp: str) -> None:
    """In a copy, for the sake of its socket and of a free port."""
    shutil.copytree(EXAMPLES, f"{short_tmp}/examples")
    configuration = Path(short_tmp, "examples/supervisor/supervisord.conf")
    text = configuration.read_text()
    assert "127.0.0.1:8000" in text
    configuration.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{free_port()}"))
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}

    def control(*words: str) -> str:
        asked = [f"{bin_folder}/supervisorctl", "-c", str(configuration), *words]
        done = subprocess.run(
            asked, capture_output=True, text=True, check=False, timeout=2 * PATIENCE
        )
        return done.stdout

    daemon = subprocess.Popen(
        [f"{bin_folder}/{COMMANDS['supervisor/'].split()[0]}", "-n", "-c", str(configuration)],
        cwd=short_tmp, env=environment, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert daemon.stdout
    log = Lines(daemon.stdout)
    try:
        url = f"http://127.0.0.1:{log.wait_for(LISTENING)[1]}/"
        log.wait_for("success: licorne entered RUNNING state")
        assert requests.get(url, timeout=PATIENCE).text.startswith(
            "Hello from gunicorn/27.0.1 licorne/"
        )
        assert control("signal", "HUP", "licorne") == "licorne: signalled\n"
        log.wait_for("Reload complete: 2 workers serve")
        master = int(log.wait_for(r"Listening at: .* \((\d+)\)")[1])
        os.kill(master, signal.SIGKILL)
        log.wait_for(LISTENING, 2)
        assert requests.get(url, timeout=PATIENCE).text.startswith(
            "Hello from gunicorn/27.0.1 licorne/"
        )
        assert control("stop", "licorne") == "licorne: stopped\n"
        log.wait_for("Shutting down: Master")
        log.wait_for(r"stopped: licorne \(exit status 0\)")
        daemon.terminate()
        assert daemon.wait(PATIENCE) == 0
    finally:
        daemon.kill()
        daemon.wait(PATIENCE)
        log.rest()
