"""Operation of the asgi worker: time limits, stacks, logs, hooks, counts, limits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import connect

from asgi.kind import APPS
from e2e.client import CutShortError
from e2e.test_ctl import functions, licornectl, request_id, stack_in
from faults.processes import eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from asgi.conftest import Start

LIMIT = ("--request-timeout", "0.4")


def test_a_request_over_its_time(start: Start) -> None:
    """504, its task is cancelled, its coroutines are in the log; the other requests go on."""
    server = start("operations_app", *LIMIT, tracebacks=True)
    pid = server.worker_pid()
    with server.client() as client, server.client() as beside:
        client.get("/wait?one")
        answer = client.response()
        assert (answer.status, answer.reason) == (504, "Gateway Timeout")
        assert client.is_closed()
        beside.get("/")
        assert beside.response().body == str(pid).encode()
    server.log.wait_for("TOLD one cancelled")
    server.log.wait_for(r"\[ERROR\] Request over its time: GET /wait\?one from 127\.0\.0\.1:\d+")
    for name in ("wait", "in_the_view", "in_the_depth"):
        server.log.wait_for(rf"operations_app\.py.* in {name}$")
    assert server.get("/") == (200, str(pid).encode())


def test_a_response_over_its_time_is_cut(start: Start) -> None:
    server = start("operations_app", *LIMIT, tracebacks=True)
    with server.client() as client:
        client.get("/wait-begun?one")
        with pytest.raises(CutShortError):
            client.response()
    server.log.wait_for("Request over its time: GET /wait-begun")


def test_the_stack_of_a_request(start: Start, short_tmp: str) -> None:
    """`licornectl stack ID` shows the chain of its coroutines."""
    path = f"{short_tmp}/x.ctl"
    server = start("operations_app", "--control-socket", path)
    with server.client() as client:
        client.get("/wait?one")
        server.log.wait_for("TOLD one waits")
        asked = request_id(server, "wait")
        found = stack_in(server, asked, "in_the_depth")
        assert functions(found, "operations_app.py") == ["wait", "in_the_view", "in_the_depth"]
        assert "in_the_depth" in licornectl("-s", path, "stack", asked).stdout
        assert server.get("/open?one") == (200, b"open")
        assert client.response().body == b"waited"


FORMAT = (
    '%(h)s %(l)s %(u)s "%(r)s" %(m)s %(U)s %(q)s %(H)s %(s)s %(B)s %(b)s "%(f)s" "%(a)s" '
    "%(p)s %({x-in}i)s %({x-app}o)s D=%(D)s L=%(L)s"
)


@pytest.mark.parametrize("where", ["native", "python"])
def test_every_atom_of_the_access_log(start: Start, tmp_path: Path, where: str) -> None:
    """By the engine, and by Python's logging where something looks at the records."""
    log = tmp_path / "access"
    args = ["--access-logfile", str(log), "--access-logformat", FORMAT]
    if where == "python":
        conf = tmp_path / "conf.py"
        conf.write_text(
            "def on_starting(server):\n"
            "    import logging\n"
            "    logging.getLogger('gunicorn.access').addFilter(lambda record: True)\n"
        )
        args += ["-c", str(conf)]
    server = start("operations_app", *args)
    pid = server.worker_pid()
    with server.client() as client:
        client.get("/fields?a=b", "X-In: in", "Referer: ref", "User-Agent: agent")
        assert client.response().status == 200
        client.get("/nowhere")
        assert client.response().status == 404
    assert server.stop() == 0
    first, second = log.read_text().splitlines()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - "GET /fields\?a=b HTTP/1\.1" GET /fields a=b HTTP/1\.1 200 0 0 '
        rf'"ref" "agent" <{pid}> in said D=\d+ L=\d\.\d+',
        first,
    )
    assert '"GET /nowhere HTTP/1.1" GET /nowhere  HTTP/1.1 404 9 9' in second


def test_a_client_that_leaves_before_its_answer_leaves_no_connection(
    start: Start, short_tmp: str
) -> None:
    path = f"{short_tmp}/x.ctl"
    server = start(
        "operations_app", "--control-socket", path, "--asgi-disconnect-grace-period", "0"
    )
    with server.client() as client:
        client.get("/wait?one")
        server.log.wait_for("TOLD one waits")
    server.log.wait_for("TOLD one cancelled")

    def connections() -> object:
        (worker,) = json.loads(
            licornectl("-s", server.control_socket(), "workers", "--json").stdout
        )["workers"]
        return worker["connections"]

    eventually(lambda: connections() == 0, "the connection is closed")


def test_a_client_that_leaves_in_the_middle_is_in_the_access_log(
    start: Start, tmp_path: Path
) -> None:
    log = tmp_path / "access"
    server = start("http_app", "--access-logfile", str(log))
    with server.client() as client:
        client.get("/flood?w")
        client.some()
    server.log.wait_for("TOLD w OSError")
    assert server.stop() == 0
    (line,) = log.read_text().splitlines()
    assert int(line.partition('"GET /flood?w HTTP/1.1" 200 ')[2].split()[0]) >= 65536


def test_the_access_log_of_a_websocket_and_of_failures(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "access"
    server = start("operations_app", "--access-logfile", str(log), tracebacks=True)
    with connect(f"ws://127.0.0.1:{server.port}/ws?w") as connection:
        assert connection.recv(PATIENCE) == "accepted"
    server.log.wait_for("TOLD w websocket.disconnect")
    assert server.get("/raise")[0] == 500
    assert server.stop() == 0
    lines = log.read_text().splitlines()
    assert [line for line in lines if '"GET /ws?w HTTP/1.1" 101 ' in line]
    assert [line for line in lines if '"GET /raise HTTP/1.1" 500 ' in line]


def test_json_and_the_id_of_a_request(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "access"
    args = ("--access-logfile", str(log), "--log-format", "json", "--request-id")
    server = start("operations_app", *args)
    with server.client() as client:
        client.get("/fields?a", "X-Request-ID: a-1")
        answer = client.response()
        assert (answer.body, answer.get("X-Request-ID")) == (b"a-1", "a-1")
        client.get("/fields")
        answer = client.response()
        assert answer.body.decode() == answer.get("X-Request-ID") != ""
    assert server.stop() == 0
    first, second = map(json.loads, log.read_text().splitlines())
    assert (first["method"], first["path"], first["query"]) == ("GET", "/fields", "a")
    assert (first["status"], first["request_id"]) == (200, "a-1")
    assert second["request_id"] == answer.get("X-Request-ID")


def test_hooks(start: Start) -> None:
    server = start("operations_app", "-c", str(APPS / "hooks.conf.py"))
    assert server.get("/fields?a=b")[0] == 200
    server.log.wait_for("HOOK post GET /fields 200")
    assert server.log.matching("HOOK") == [
        "HOOK pre GET /fields a=b",
        "HOOK post GET /fields 200 OK",
    ]


def test_a_worker_that_ends_after_its_requests(start: Start) -> None:
    """None of the requests is lost while workers replace each other."""
    server = start("operations_app", "--max-requests", "5")
    seen = set()
    while len(seen) < 3:
        status, body = server.get("/")
        assert status == 200
        seen.add(body)


def test_no_more_requests_at_a_time_than_the_limit(start: Start) -> None:
    """503 with Retry-After for the one too many; the others are served."""
    server = start("operations_app", "--limit-concurrency", "2")
    with server.client() as one, server.client() as two, server.client() as three:
        one.get("/wait?one")
        two.get("/wait?two")
        server.log.wait_for("TOLD one waits")
        server.log.wait_for("TOLD two waits")
        three.get("/")
        answer = three.response()
        assert answer.status == 503
        assert answer.get("Retry-After") is not None
        for name in ("one", "two"):
            # Nothing is taken in meanwhile, not even the key of the gate.
            del name
    with server.client() as again:
        # Its clients have left: there is room when the grace is over.
        while True:
            again.get("/")
            if again.response().status == 200:
                break


def test_forwarded_headers_of_a_websocket(start: Start) -> None:
    server = start("websocket_app", "--forwarded-allow-ips", "127.0.0.1")
    fields = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    url = f"ws://127.0.0.1:{server.port}/scope"
    with connect(url, additional_headers=fields) as connection:
        shown = str(connection.recv(PATIENCE))
    assert "'scheme': 'wss'" in shown
    assert "'client': ('192.0.2.7', " in shown
