"""The control socket of real servers, and the command that talks to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.conftest import WORKERS
from e2e.scenarios import ENDS_WHAT_WAITS
from e2e.server import CONTROL, TELLS_READY, open_gate
from licorne.ctl.client import ControlClient, ControlError
from licorne.master.clients import MOST_CLIENTS
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve, Server
    from licorne.ctl import protocol

linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")


@pytest.fixture
def path(short_tmp: str) -> str:
    """Where the server of a test has its control socket."""
    return str(Path(short_tmp) / "x.ctl")


@pytest.fixture
def raw() -> Iterator[list[socket.socket]]:
    """Clients that say what they like; closed when the test ends."""
    opened: list[socket.socket] = []
    yield opened
    for each in opened:
        each.close()


def control(server: Server, command: str, *args: str) -> dict[str, protocol.Json]:
    """The answer to a command, from where the server says that it listens."""
    with ControlClient(server.control_socket()) as client:
        data = client.ask(command, *args)
    assert isinstance(data, dict)
    return data


def ask_for_ever(client: ControlClient) -> None:
    """Until there is no answer any more."""
    while True:
        client.ask("status")


def flood(client: socket.socket, data: bytes) -> None:
    """Send until that fails."""
    while True:
        client.send(data)


def served(server: Server, number: int = 1) -> int:
    """The process id of the `number`-th worker, once the master knows that it serves."""
    pid = server.worker_pid(number)
    while pid not in {row["pid"] for row in workers(server) if row["state"] == "serving"}:
        continue
    return pid


def workers(server: Server) -> list[dict[str, protocol.Json]]:
    rows = control(server, "workers")["workers"]
    assert isinstance(rows, list)
    return [row for row in rows if isinstance(row, dict)]


def in_flight(rows: list[dict[str, protocol.Json]]) -> list[dict[str, protocol.Json]]:
    found = []
    for row in rows:
        busy = row["in_flight"]
        assert isinstance(busy, list)
        found += [each for each in busy if isinstance(each, dict)]
    return found


def request_id(server: Server, name: str) -> str:
    """The id of the one request in hand whose path begins so."""
    (one,) = (e for e in in_flight(workers(server)) if str(e["path"]).startswith(f"/{name}?"))
    return str(one["id"])


def stack_in(
    server: Server, request: str, function: str, note: str = ""
) -> dict[str, protocol.Json]:
    """The stack of a request, with this note, once it is in this function: an application tells
    what it is about to do."""
    while True:
        found = control(server, "stack", request)
        if found["note"] == note and function in functions(found):
            return found


def functions(found: dict[str, protocol.Json], *files: str) -> list[protocol.Json]:
    """The functions of these files, or of all, on a stack, the most recent last."""
    frames = found["frames"]
    assert isinstance(frames, list)
    return [
        each["function"]
        for each in frames
        if isinstance(each, dict) and (not files or Path(str(each["file"])).name in files)
    ]


def site_functions(found: dict[str, protocol.Json]) -> list[protocol.Json]:
    return functions(found, "site_app.py", "gates.py")


def licornectl(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "licorne.ctl.cli", *words],
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def connected(server: Server, raw: list[socket.socket]) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(server.control_socket())
    raw.append(client)
    return client


def test_a_request_in_hand_is_shown(
    serve: Serve, args: tuple[str, ...], path: str, fifo: str
) -> None:
    server = serve("site_app", *args, "-w", "2", "--control-socket", path)
    assert served(server, 1) != served(server, 2)
    with server.client() as busy:
        busy.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        rows = workers(server)
        (one,) = in_flight(rows)
        assert (one["method"], one["path"]) == ("GET", f"/wait?fifo={fifo}")
        assert one["peer"] == f"127.0.0.1:{busy.socket.getsockname()[1]}"
        status = control(server, "status")
        assert status["in_flight"] == 1
        open_gate(fifo)
        assert busy.response().body == b"waited"
    assert {row["pid"] for row in rows} == {server.worker_pid(1), server.worker_pid(2)}
    assert {row["state"] for row in rows} == {"serving"}
    assert all(isinstance(row["rss"], int) and row["rss"] > 1 << 20 for row in rows)
    assert all(isinstance(row["pss"], int) and isinstance(row["cpu"], float) for row in rows)


def test_a_worker_that_holds_the_interpreter_is_shown(
    serve: Serve, args: tuple[str, ...], path: str, fifo: str
) -> None:
    server = serve("site_app", *args, "--control-socket", path)
    with server.client() as busy:
        busy.get(f"/hold?fifo={fifo}")
        server.log.wait_for("app: holds the interpreter")
        (row,) = workers(server)
        (one,) = in_flight([row])
        assert one["path"] == f"/hold?fifo={fifo}"
        Path(fifo).write_bytes(b"x")
        assert busy.response().status == 200


@linux
@pytest.mark.parametrize("where", ["wait", "hold"])
def test_the_stack_of_a_request(
    serve: Serve, args: tuple[str, ...], path: str, fifo: str, where: str
) -> None:
    """Also of one that waits in C code with the interpreter's lock."""
    server = serve("site_app", *args, "--control-socket", path)
    with server.client() as busy:
        busy.get(f"/{where}?fifo={fifo}")
        server.log.wait_for("app: (waits|holds the interpreter)")
        (one,) = in_flight(workers(server))
        found = control(server, "stack", str(one["id"]))
        assert found["request"] == f"GET /{where}?fifo={fifo}"
        ours = site_functions(found)
        assert where in ours[-2:]
        shown = licornectl("-s", path, "stack", str(one["id"])).stdout
        assert "site_app.py" in shown
        # It was only looked at: the request goes on.
        Path(fifo).write_bytes(b"x")
        assert busy.response().status == 200
    while in_flight(workers(server)):
        continue
    with pytest.raises(ControlError, match="is not in hand any more"):
        control(server, "stack", str(one["id"]))
    with pytest.raises(ControlError, match="is no worker of this server"):
        control(server, "stack", "1")
    with pytest.raises(ControlError, match="names no thread"):
        control(server, "stack", "main")


@linux
@pytest.mark.parametrize("worker", ENDS_WHAT_WAITS)
def test_the_stack_of_each_request_of_a_thread(
    serve: Serve, worker: str, path: str, fifo: str
) -> None:
    """That of one that waits, while another one computes."""
    server = serve("site_app", *WORKERS[worker], "--control-socket", path)
    with server.client() as waits, server.client() as spins:
        waits.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        spins.get(f"/spin?fifo={fifo}")
        server.log.wait_for("app: spins")
        for name in ("wait", "spin"):
            found = stack_in(server, request_id(server, name), f"{name}_at")
            assert found["request"] == f"GET /{name}?fifo={fifo}"
            assert site_functions(found)[1:3] == [name, f"{name}_at"]
        open_gate(fifo)
        assert waits.response().body == b"waited"
        assert spins.response().body == b"spun"


@linux
@pytest.mark.parametrize("worker", ENDS_WHAT_WAITS)
def test_the_stack_of_what_keeps_a_request_from_its_turn(
    serve: Serve, worker: str, path: str, short_tmp: str
) -> None:
    server = serve("site_app", *WORKERS[worker], "--control-socket", path)
    gates = [str(Path(short_tmp) / name) for name in ("one", "other")]
    for gate in gates:
        os.mkfifo(gate)
    with server.client() as waits, server.client() as holds:
        waits.get(f"/wait?fifo={gates[0]}")
        server.log.wait_for("app: waits")
        holds.get(f"/hold?fifo={gates[1]}")
        server.log.wait_for("app: holds the interpreter")
        asked = request_id(server, "wait")
        note = "It gets no turn: for 1 s the worker does this."
        found = stack_in(server, asked, "hold_at", note)
        assert found["request"] == f"GET /wait?fifo={gates[0]}"
        assert site_functions(found)[-1] == "hold_at"
        assert note in licornectl("-s", path, "stack", asked).stdout
        Path(gates[1]).write_bytes(b"x")
        assert holds.response().body == b"held"
        # The question that was withdrawn is not answered late: this is a new one.
        assert site_functions(stack_in(server, asked, "wait_at"))[1] == "wait"
        open_gate(gates[0])
        assert waits.response().body == b"waited"


@linux
def test_the_stack_of_a_coroutine(serve: Serve, path: str, fifo: str) -> None:
    server = serve("tornado_site:app", *WORKERS["tornado"], "--control-socket", path)
    with server.client() as busy:
        busy.get(f"/slow?fifo={fifo}")
        server.log.wait_for("app: the gate is watched")
        found = stack_in(server, request_id(server, "slow"), "gate")
        assert functions(found, "tornado_site.py") == ["get", "gate"]
        open_gate(fifo)
        assert busy.response().status == 200


@linux
def test_the_stack_of_an_idle_worker(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path)
    found = control(server, "stack", str(served(server)))
    assert found["request"] is None
    assert "Python stack (most recent call last):" in str(found["stack"])


def test_requests_of_workers_that_have_gone_are_counted(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path)
    for _ in range(3):
        assert server.get("/hello")[0] == 200
    first = server.worker_pid()
    assert control(server, "worker kill", str(first)) == {"success": True, "killed": first}
    server.worker_pid(2)
    assert server.get("/hello")[0] == 200
    # The request is counted when its answer has been handed over, which a client may overtake.
    status = control(server, "status")
    while status["requests"] != 4:
        status = control(server, "status")
    assert status["restarts"] == {"ended by itself": 1}


def test_more_and_fewer_workers(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path)
    server.worker_pid(1)
    added = control(server, "worker add", "2")
    assert added == {"added": 2, "previous": 1, "total": 3}
    server.worker_pid(3)
    removed = control(server, "worker remove 5")
    assert removed == {"removed": 2, "previous": 3, "total": 1}
    # One that was still starting has no word to say.
    server.log.wait_for("Worker exiting|was sent SIGTERM", 2)
    with pytest.raises(ControlError, match="more than 1000"):
        control(server, "worker add 1000")
    with pytest.raises(ControlError, match="is no worker of this server"):
        control(server, "worker kill 1")
    assert control(server, "show stats")["workers_target"] == 1


def test_a_worker_is_replaced(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path)
    first = served(server)
    assert control(server, "worker retire", str(first)) == {"success": True, "retired": first}
    second = server.worker_pid(2)
    server.log.wait_for(rf"\[{first}\] \[INFO\] Worker exiting")
    while [row["pid"] for row in workers(server)] != [second]:
        # Until the master has taken note of the end.
        continue
    assert control(server, "status")["restarts"] == {"asked": 1}


def test_reload_reopen_and_a_reload_that_fails(serve: Serve, path: str, tmp_path: Path) -> None:
    module = tmp_path / "changing_app.py"
    good = "def application(e, s):\n    s('200 OK', [])\n    return [b'x']\n"
    module.write_text(good)
    server = serve(
        "changing_app", "--control-socket", path, cwd=tmp_path, tracebacks=True,
        environment={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    first = served(server)
    assert control(server, "status")["last_reload"] == {"state": "none", "ago": None, "reason": ""}
    assert control(server, "reopen") == {"status": "reopening"}
    server.log.wait_for("Handling signal: usr1")
    module.write_text("import a_module_that_is_not_there")
    assert control(server, "reload") == {"status": "reloading"}
    server.log.wait_for(r"Worker \(pid:\d+\) exited with code 3")
    status = control(server, "status")
    reload = status["last_reload"]
    assert isinstance(reload, dict)
    assert reload["state"] == "failing"
    assert "has ended before it was ready: exit code 3" in str(reload["reason"])
    assert status["boot_failures"] != 0
    assert [row["pid"] for row in workers(server) if row["state"] == "serving"] == [first]
    module.write_text(good)
    control(server, "reload")
    server.log.wait_for(rf"\[{first}\] \[INFO\] Worker exiting")
    assert server.get("/")[1] == b"x"


@pytest.mark.parametrize("mode", ["graceful", "quick"])
def test_shutdown(serve: Serve, path: str, mode: str) -> None:
    server = serve("site_app", "--control-socket", path)
    served(server)
    assert control(server, "shutdown", mode) == {"status": "shutting_down", "mode": mode}
    assert server.wait() == 0
    server.log.wait_for("Shutting down: Master")
    assert not Path(path).exists()


def test_a_server_that_stops_is_still_asked(serve: Serve, path: str, fifo: str) -> None:
    server = serve("site_app", "--control-socket", path)
    server.control_socket()
    with server.client() as busy:
        busy.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        with ControlClient(path) as client:
            client.ask("shutdown")
            status = client.ask("status")
            while isinstance(status, dict) and status["phase"] == "running":
                status = client.ask("status")
            assert isinstance(status, dict)
            assert (status["phase"], status["in_flight"]) == ("stopping", 1)
        open_gate(fifo)
        assert busy.response().body == b"waited"
    assert server.wait() == 0


def test_what_is_configured_and_where_it_listens(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path)
    listeners = control(server, "listeners")["listeners"]
    assert isinstance(listeners, list)
    assert [each["address"] for each in listeners if isinstance(each, dict)] == [server.url]
    config = control(server, "config")
    assert config["control_socket"] == {"value": path, "origin": "command line"}
    assert config["on_exit"] == {"value": "<nothing()>", "origin": "default"}
    assert control(server, "show config")["control_socket"] == path


def test_the_socket_is_its_owners(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path, "--control-socket-mode", "0640")
    server.control_socket()
    assert stat.S_IMODE(Path(path).lstat().st_mode) == 0o640
    server.stop()
    assert not Path(path).exists()


def test_without_a_control_socket(serve: Serve, short_tmp: str) -> None:
    server = serve("site_app", "--no-control-socket", environment={"XDG_RUNTIME_DIR": short_tmp})
    assert server.get("/hello")[0] == 200
    server.stop()
    assert server.log.matching("Control socket") == []
    assert list(Path(short_tmp).iterdir()) == []


@linux
@pytest.mark.parametrize("home", ["/nonexistent", "a file", "too long", "/proc"])
def test_an_unusable_path_is_one_line_and_another_place(
    serve: Serve, short_tmp: str, home: str
) -> None:
    """/proc is what a read-only home is, for root too."""
    if home == "a file":
        home = str(Path(short_tmp) / "file")
        Path(home).write_text("")
    elif home == "too long":
        home = str(Path(short_tmp) / ("x" * 120))
        Path(home).mkdir()
    environment = {"HOME": home, "XDG_RUNTIME_DIR": ""}
    server = serve("site_app", environment=environment)
    server.worker_pid()
    name = server.control_socket()
    assert name == f"@licorne-ctl-{server.pid}"
    told = server.log.matching("ontrol socket")
    assert len(told) == 1
    assert f"[INFO] Control socket listening at {name} (not at {home}/.licorne/" in told[0]
    assert control(server, "status")["pid"] == server.pid
    shown = licornectl("-s", name, "status", "-j")
    assert json.loads(shown.stdout)["pid"] == server.pid
    listed = licornectl("servers", **environment)
    assert name in [line.split()[0] for line in listed.stdout.splitlines()]


@linux
def test_several_servers_are_told_apart(serve: Serve, short_tmp: str) -> None:
    """By what each serves, where, and since when: for people, and for programs."""
    environment = {"HOME": "/nonexistent", "XDG_RUNTIME_DIR": "", "COLUMNS": "80"}
    socket_path = f"unix:{short_tmp}/http"
    both = [
        serve("site_app", environment=environment),
        serve("site_app:application", bind=(socket_path,), environment=environment),
    ]
    sockets = [server.control_socket() for server in both]
    addresses = [f"127.0.0.1:{both[0].port}", socket_path]
    listed = licornectl("servers", **environment)
    assert listed.returncode == 0
    told = licornectl("status", **environment)
    assert told.returncode == 1
    assert told.stderr.startswith("Error: several servers run here: name one with -s SOCKET\n\n")
    for text in (listed.stdout, told.stderr):
        rows = [line.split(maxsplit=4) for line in text.splitlines() if line.startswith("@")]
        found = {row[0]: row[1:] for row in rows}
        for server, name, app, address in zip(
            both, sockets, ("site_app", "site_app:application"), addresses, strict=True
        ):
            assert found[name][:3] == [str(server.pid), app, address]
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", found[name][3])
    data = json.loads(licornectl("servers", "--json", **environment).stdout)
    mine = {each["socket"]: each for each in data if each["socket"] in sockets}
    assert [mine[name]["application"] for name in sockets] == ["site_app", "site_app:application"]
    assert mine[sockets[1]]["addresses"] == [socket_path]


@linux
def test_a_second_server_of_a_user_is_no_news(serve: Serve, short_tmp: str) -> None:
    """Where no path was named: the line is one for those that look closely."""
    environment = {"HOME": short_tmp, "XDG_RUNTIME_DIR": ""}
    first = serve("site_app", environment=environment)
    assert first.control_socket() == f"{short_tmp}/.licorne/licorne.ctl"
    second = serve("site_app", "--log-level", "debug", environment=environment)
    line = second.log.wait_for(CONTROL).string
    assert f"[DEBUG] Control socket listening at @licorne-ctl-{second.pid} (not at " in line
    assert control(second, "status")["pid"] == second.pid
    third = serve("site_app", *TELLS_READY, environment=environment)
    third.ready(1)
    third.stop()
    assert third.log.matching("ontrol socket") == []


@linux
def test_a_second_server_does_not_take_the_path(serve: Serve, path: str) -> None:
    first = serve("site_app", "--control-socket", path)
    assert first.control_socket() == path
    second = serve("site_app", "--control-socket", path)
    assert second.control_socket() == f"@licorne-ctl-{second.pid}"
    second.log.wait_for("another server listens there")
    assert control(first, "status")["pid"] == first.pid
    second.send(signal.SIGHUP)
    second.worker_pid(2)
    assert control(second, "status")["pid"] == second.pid
    # The path is free, and a reload tries it again.
    first.stop()
    assert not Path(path).exists()
    second.send(signal.SIGHUP)
    second.log.wait_for(rf"Control socket listening at {re.escape(path)}$")
    with ControlClient(path) as client:
        status = client.ask("status")
    assert isinstance(status, dict)
    assert status["pid"] == second.pid


def test_what_a_crashed_server_left_is_replaced(serve: Serve, path: str) -> None:
    first = serve("site_app", "--control-socket", path)
    first.control_socket()
    first.kill()
    assert Path(path).exists()
    second = serve("site_app", "--control-socket", path)
    assert second.control_socket() == path


def test_a_reload_moves_it(serve: Serve, short_tmp: str, tmp_path: Path) -> None:
    config = tmp_path / "conf.py"
    old, new = (str(Path(short_tmp) / name) for name in ("old.ctl", "new.ctl"))
    config.write_text(f"control_socket = {old!r}\n")
    server = serve("site_app", "-c", str(config))
    server.control_socket()
    with ControlClient(old) as client:
        config.write_text(f"control_socket = {new!r}\ncontrol_socket_mode = 0o660\n")
        client.ask("reload")
        server.log.wait_for(rf"Control socket listening at {re.escape(new)}$")
        assert not Path(old).exists()
        assert stat.S_IMODE(Path(new).lstat().st_mode) == 0o660
        # A client that was connected stays so.
        assert isinstance(client.ask("status"), dict)
    config.write_text("control_socket_disable = True\n")
    with ControlClient(new) as client:
        client.ask("reload")
        with pytest.raises(ControlError):
            ask_for_ever(client)
    assert not Path(new).exists()


def test_a_new_master_has_its_own(serve: Serve, path: str, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the second place is an abstract socket")
    server = serve("site_app", "--control-socket", path, "-p", str(tmp_path / "pid"))
    server.control_socket()
    with ControlClient(path) as client:
        server.send(signal.SIGUSR2)
        new = int(server.log.wait_for(r"New master with pid: (\d+)").group(1))
        server.log.wait_for(rf"Control socket listening at @licorne-ctl-{new} ")
        assert (
            json.loads(licornectl("-s", f"@licorne-ctl-{new}", "-j", "status").stdout)["pid"] == new
        )
        client.ask("shutdown")
    server.log.wait_for("Master has been promoted")
    server.log.wait_for(rf"\[{new}\] \[INFO\] Control socket listening at {re.escape(path)}$")
    with ControlClient(path) as client:
        client.ask("shutdown")
    server.log.wait_for(rf"\[{new}\] \[INFO\] Shutting down: Master")


def test_clients_that_misbehave_disturb_no_other(
    serve: Serve, path: str, raw: list[socket.socket]
) -> None:
    server = serve("site_app", "--control-socket", path)
    pid = server.worker_pid(1)
    slow = connected(server, raw)
    slow.sendall(b'{"command": "sta')
    garbage = connected(server, raw)
    garbage.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert b"a request is one JSON object" in garbage.recv(4096)
    long = connected(server, raw)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        flood(long, b"x" * 65536)
    framed = connected(server, raw)
    framed.sendall(b"\0\xff\xff\xff" + b"x" * 100)
    length = int.from_bytes(framed.recv(4, socket.MSG_WAITALL), "big")
    answer = json.loads(framed.recv(length, socket.MSG_WAITALL))
    assert "at most 65536 bytes" in answer["error"]
    assert framed.recv(1) == b""
    # Many requests, and a client that does not read the answers.
    deaf = connected(server, raw)
    deaf.setblocking(False)
    with pytest.raises(BlockingIOError):
        flood(deaf, b'{"command": "help"}\n' * 100)
    # The master goes on with what it is for.
    os.kill(pid, signal.SIGKILL)
    server.worker_pid(2)
    assert server.get("/hello")[0] == 200
    slow.sendall(b'tus"}\n')
    assert json.loads(slow.makefile().readline())["data"]["pid"] == server.pid
    server.tolerates_tracebacks = False
    assert server.stop() == 0


@linux
def test_without_a_free_descriptor(serve: Serve, path: str, raw: list[socket.socket]) -> None:
    """Accepting rests, without a busy loop and without an end of the server."""
    server = serve("site_app", "--control-socket", path)
    served(server)
    # What is open stays open, and no new number may be above: 0 to 3 were taken at the start.
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (4, limits[1]))
    client = connected(server, raw)
    client.sendall(b'{"command": "status"}\n')
    server.log.wait_for("a client cannot be served: .*Too many open files")
    assert len(server.log.matching("cannot be served")) == 1
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
    assert json.loads(client.makefile().readline())["status"] == "ok"
    assert server.get("/hello")[0] == 200


def test_requests_that_come_together_are_answered_in_order(
    serve: Serve, path: str, raw: list[socket.socket]
) -> None:
    server = serve("site_app", "--control-socket", path)
    client = connected(server, raw)
    client.sendall(b"".join(b'{"id": %d, "command": "help"}\n' % n for n in range(50)))
    client.shutdown(socket.SHUT_WR)
    answers = [json.loads(line) for line in client.makefile()]
    assert [each["id"] for each in answers] == list(range(50))


def test_a_client_too_many_takes_the_place_of_the_most_silent(
    serve: Serve, path: str, raw: list[socket.socket]
) -> None:
    server = serve("site_app", "--control-socket", path)
    clients = [connected(server, raw) for _ in range(MOST_CLIENTS)]
    for each in clients:
        each.sendall(b'{"command": "help"}\n')
        each.makefile().readline()
    last = connected(server, raw)
    last.sendall(b'{"command": "status"}\n')
    assert json.loads(last.makefile().readline())["status"] == "ok"
    assert clients[0].recv(1) == b""
    clients[1].sendall(b'{"command": "status"}\n')
    assert json.loads(clients[1].makefile().readline())["status"] == "ok"


def sockets_of(pid: int) -> set[str]:
    """The inodes of a process's sockets; what it closes meanwhile is none of them."""
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(descriptor))
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def test_workers_keep_no_copy_of_it(serve: Serve, path: str, raw: list[socket.socket]) -> None:
    """A worker that outlives its master must not look like a server that can be asked."""
    server = serve("site_app", "--control-socket", path, *TELLS_READY)
    server.worker_pid(1)
    client = connected(server, raw)
    client.sendall(b'{"command": "worker add"}\n')
    client.makefile().readline()
    second = server.worker_pid(2)
    # A worker that is ready has closed what is not its own.
    server.ready(2)
    held = sockets_of(second)
    unix = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    assert [words[7] for words in unix if words[-1] == path and words[6] in held] == []


def test_the_command(serve: Serve, path: str) -> None:
    server = serve("site_app", "-w", "2", "--control-socket", path)
    server.worker_pid(2)
    server.control_socket()
    shown = licornectl("-s", path, "status")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(rf"^pid: +{server.pid}$", shown.stdout, re.MULTILINE)
    table = licornectl("-s", path, "workers").stdout.splitlines()
    assert table[0].split()[:4] == ["PID", "AGE", "GEN", "STATE"]
    # In the order of their birth, which need not be that of their first lines.
    pids = {str(server.worker_pid(number)) for number in (1, 2)}
    assert {row.split()[0] for row in table[1:]} == pids
    assert json.loads(licornectl("-s", path, "-j", "-c", "show workers").stdout)["count"] == 2
    top = licornectl("-s", path, "top").stdout
    assert "PID" in top
    assert "\x1b" not in top
    refused = licornectl("-s", path, "frob")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Error: there is no command 'frob' (help lists them)\n"
    help_ = licornectl("-s", path, "help").stdout
    assert "worker add [N]" in help_


def test_top_on_a_terminal(serve: Serve, path: str) -> None:
    server = serve("site_app", "--control-socket", path)
    pid = served(server)
    server.control_socket()
    screen, terminal = os.openpty()
    top = subprocess.Popen(
        [sys.executable, "-m", "licorne.ctl.cli", "-s", path, "top"],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    try:
        shown = b""
        # Drawn twice: from the top left each time, and nothing scrolls.
        while shown.count(b"\x1b[H") < 2 or not re.search(rb"\n%d " % pid, shown):
            shown += os.read(screen, 65536)
        os.write(screen, b"q")
        assert top.wait(PATIENCE) == 0
    finally:
        top.kill()
        top.wait()
        os.close(screen)


def test_the_prompt(serve: Serve, path: str, short_tmp: str) -> None:
    server = serve("site_app", "--control-socket", path)
    server.control_socket()
    typed = "status\nfrob\n\nlisteners\nquit\n"
    prompt = subprocess.run(
        [sys.executable, "-m", "licorne.ctl.cli", "-s", path],
        env=os.environ | {"HOME": short_tmp},
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert prompt.returncode == 0
    assert prompt.stdout.count("licorne> ") == 5
    assert "Error: there is no command 'frob'" in prompt.stdout
    assert server.url in prompt.stdout


def test_no_server_at_a_path(short_tmp: str) -> None:
    named = licornectl("-s", f"{short_tmp}/none.ctl", "status")
    assert named.returncode == 1
    said = f"Error: {short_tmp}/none.ctl: No such file or directory. No server listens there: "
    assert named.stderr.startswith(said)
    assert licornectl("--version").stdout.startswith("licornectl (licorne ")


@linux
def test_no_server_at_an_abstract_name() -> None:
    found = licornectl("-s", "@licorne-ctl-none", "status")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("Error: @licorne-ctl-none: Connection refused. ")


#: Of the gunicorn that the test extra installs.
GUNICORNC = Path(sys.executable).with_name("gunicornc")


@pytest.mark.skipif(not GUNICORNC.exists(), reason="gunicorn is not installed")
@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ("show all", "WEB WORKERS (1)"),
        ("show workers", "Total: 1 workers"),
        ("show dirty", "Dirty arbiter not running"),
        ("show config", "workers: 1"),
        ("show stats", "Workers target:   1"),
        ("show listeners", "Total: 1 listeners"),
        ("worker add", '"added": 1'),
        ("worker remove 1", '"removed": 0'),
        ("reload", '"status": "reloading"'),
        ("reopen", '"status": "reopening"'),
        ("shutdown quick", '"mode": "quick"'),
        ("help", "show stats"),
    ],
)
def test_gunicornc(serve: Serve, path: str, command: str, shows: str) -> None:
    server = serve("site_app", "--control-socket", path)
    server.worker_pid()
    server.control_socket()
    words = [str(GUNICORNC), "-s", path, "-c", command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert shows in done.stdout


def test_gunicorncs_framing(serve: Serve, path: str, raw: list[socket.socket]) -> None:
    """As gunicornc 27 speaks it: two messages on one connection, the length first."""
    server = serve("site_app", "--control-socket", path)
    client = connected(server, raw)
    for number, command in enumerate(("show workers", "dirty add 1")):
        message = json.dumps({"id": number, "command": command, "args": []}).encode()
        client.sendall(len(message).to_bytes(4, "big") + message)
        length = int.from_bytes(client.recv(4, socket.MSG_WAITALL), "big")
        answer = json.loads(client.recv(length, socket.MSG_WAITALL))
        assert answer["id"] == number
        if number == 0:
            (row,) = answer["data"]["workers"]
            assert {"pid", "age", "booted", "aborted", "last_heartbeat"} <= set(row)
        else:
            assert answer["status"] == "error"
            assert "not available yet" in answer["error"]
