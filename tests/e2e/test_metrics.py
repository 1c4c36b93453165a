"""Metrics and health checks of real servers, asked as scrapers and kubelets ask."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e import scrape, secure
from e2e.client import Client
from e2e.scrape import METRICS, Page, ask
from e2e.server import open_gate
from faults.processes import eventually
from licorne.master.clients import MOST_CLIENTS
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.server import Serve, Server


def ready(server: Server, number: int = 1) -> bool:
    return ask(server, "/readyz", number=number).status == 200


def wait_until_ready(server: Server, number: int = 1) -> None:
    eventually(lambda: ready(server, number), "ready")


def test_every_answer_is_counted_once(serve: Serve, args: tuple[str, ...]) -> None:
    server = serve("site_app", *args, *METRICS)
    wait_until_ready(server)
    with server.client() as client:
        for code in (200, 302, 404, 200, 404, 200):
            client.get(f"/status?code={code}")
            assert client.response().status == code
    with server.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        assert client.response().status == 400
    page = Page(server)
    name = "licorne_requests_total"
    codes = {code: page.sum(name, code=code) for code in ("1xx", "2xx", "3xx", "4xx", "5xx")}
    assert codes == {"1xx": 0, "2xx": 3, "3xx": 1, "4xx": 3, "5xx": 0}
    assert page.labels(name, "worker_type") == {args[1]}
    assert page.sum("licorne_refused_requests_total") == 1
    # Times are those of the application: what was refused has none.
    assert page.sum("licorne_request_duration_seconds_count") == 6
    assert page.sum("licorne_queue_time_seconds_count") == 6
    assert page.sum("licorne_request_duration_seconds_bucket", le="+Inf") == 6
    assert page.sum("licorne_connections_accepted_total") == 2
    assert page.sum("licorne_workers", state="serving") == 1
    assert page.sum("licorne_workers_wanted") == 1
    assert page.sum("licorne_generation") == 1
    assert page.sum("licorne_last_reload", state="none") == 1
    assert page.labels("licorne_connections", "worker") == {"0"}


def test_failures_of_the_application_are_counted(serve: Serve, args: tuple[str, ...]) -> None:
    server = serve("faulty_app", *args, *METRICS, tracebacks=True)
    wait_until_ready(server)
    assert server.get("/raise")[0] == 500
    page = Page(server)
    assert page.sum("licorne_requests_total", code="5xx") == 1
    assert page.sum("licorne_requests_total") == 1


def test_bytes_are_those_on_the_wire(serve: Serve, args: tuple[str, ...]) -> None:
    server = serve("site_app", *args, *METRICS)
    request = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with server.client() as client:
        client.send(request)
        small = len(client.everything())
    page = Page(server)
    assert page.sum("licorne_received_bytes_total") == len(request)
    assert page.sum("licorne_sent_bytes_total") == small
    for path in ("/big", "/file", "/blocks?as=generator"):
        with server.client() as client:
            client.get(path, close=True)
            small += len(client.everything())
    assert Page(server).sum("licorne_sent_bytes_total") == small


def test_durations_and_requests_in_flight(serve: Serve, args: tuple[str, ...], fifo: str) -> None:
    server = serve("site_app", *args, *METRICS)
    with server.client() as busy:
        busy.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        page = Page(server)
        assert page.sum("licorne_in_flight_requests") == 1
        assert page.sum("licorne_connections") == 1
        assert page.sum("licorne_requests_total") == 0
        open_gate(fifo)
        assert busy.response().status == 200
    page = Page(server)
    assert page.sum("licorne_request_duration_seconds_count") == 1
    assert 0 < page.sum("licorne_request_duration_seconds_sum") < 60


def test_what_the_server_uses(serve: Serve, args: tuple[str, ...]) -> None:
    server = serve("site_app", *args, "-w", "2", *METRICS)
    server.worker_pid(2)
    page = Page(server)
    workers = {"master", "0", "1"}
    if sys.platform == "linux":
        assert page.labels("licorne_resident_memory_bytes", "worker") == workers
        assert page.sum("licorne_resident_memory_bytes", worker="1") > 1 << 20
        assert page.labels("licorne_proportional_memory_bytes", "worker") == workers
        assert page.labels("licorne_cpu_seconds_total", "worker") == workers
        assert page.labels("licorne_listen_queue", "listener") == {"0"}
        assert page.sum("licorne_uptime_seconds") >= 0
    assert page.labels("licorne_build_info", "version")


def test_a_request_over_its_time(serve: Serve, args: tuple[str, ...], fifo: str) -> None:
    server = serve("site_app", *args, *METRICS, "--request-timeout", "0.2")
    with server.client() as busy:
        busy.get(f"/wait?fifo={fifo}")
        assert busy.response().status == 504
    open_gate(fifo)
    server.worker_pid(2)
    eventually(
        lambda: Page(server).sum("licorne_worker_ends_total", cause="request_timeout") == 1,
        "the worker is replaced",
    )
    page = Page(server)
    assert page.sum("licorne_request_timeouts_total") == 1
    assert page.sum("licorne_requests_total", code="5xx") == 1
    assert page.sum("licorne_requests_total") == 1


def test_what_an_aborted_worker_leaves(serve: Serve, fifo: str) -> None:
    """504 for what was with the application, 503 for what waited behind it; each counted once."""
    # Its replacement would take what waits, if it may.
    options = ("-k", "sync", *METRICS, "--timeout", "2", "--dispatch", "off")
    server = serve("site_app", *options, tracebacks=True)
    with server.client() as begun, server.client() as waiting:
        begun.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        waiting.get("/hello")
        assert begun.response().status == 504
        assert waiting.response().status == 503
    eventually(
        lambda: Page(server).sum("licorne_worker_ends_total", cause="timeout") == 1,
        "the worker is replaced",
    )
    page = Page(server)
    assert page.sum("licorne_requests_total", code="5xx") == 2
    assert page.sum("licorne_requests_total") == 2
    assert page.sum("licorne_request_timeouts_total") == 1
    assert page.sum("licorne_sent_back_requests_total") == 1


def test_old_scrapers_get_the_old_format(serve: Serve) -> None:
    server = serve("site_app", *METRICS)
    assert server.get("/hello")[0] == 200
    answer = ask(server, "/metrics", "Accept: text/plain;version=0.0.4, */*;q=0.1")
    assert answer.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each for each in text_string_to_metric_families(answer.body.decode())}
    assert families["licorne_requests"].type == "counter"
    assert sum(each.value for each in families["licorne_requests"].samples) == 1
    assert families["licorne_build_info"].type == "gauge"
    assert families["licorne_request_duration_seconds"].type == "histogram"
    assert b"EOF" not in answer.body
    kind = ask(server, "/metrics", f"Accept: {scrape.OPENMETRICS},*/*;q=0.1").get("Content-Type")
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_methods_and_paths(serve: Serve) -> None:
    server = serve("site_app", *METRICS)
    wait_until_ready(server)
    for path in ("/metrics", "/livez", "/readyz"):
        head = ask(server, path, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert int(head.get("Content-Length") or 0) > 0
        refused = ask(server, path, method="POST")
        assert (refused.status, refused.get("Allow")) == (405, "GET, HEAD")
    assert ask(server, "/livez?probe=1").body == b"ok\n"
    assert ask(server, "/hello").status == 404
    # None of these is a request of the application's.
    assert Page(server).sum("licorne_requests_total") == 0


def test_what_is_no_request(serve: Serve) -> None:
    server = serve("site_app", *METRICS)
    for data, status in (
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\nHost: a\n\n", 400),
        (b"GET /" + b"a" * 20000, 414),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"A: " + b"a" * 20000, 431),
    ):
        with scrape.client(server) as client:
            client.send(data)
            assert client.response().status == status
    with scrape.client(server) as client:
        for byte in b"GET /livez HTTP/1.0\r\n\r\n":
            client.send(bytes([byte]))
        assert client.response().body == b"ok\n"


def test_ready_says_why_not(serve: Serve, tmp_path: Path, fifo: str) -> None:
    (tmp_path / "slow_app.py").write_text(
        f"open({fifo!r}, 'rb').read()\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    server = serve("slow_app", *METRICS, "--drain-delay", "600", cwd=tmp_path)
    answer = ask(server, "/readyz")
    assert (answer.status, answer.body) == (503, b"the server is starting\n")
    assert ask(server, "/livez").status == 200
    open_gate(fifo)
    wait_until_ready(server)
    server.send(signal.SIGTERM)
    server.log.wait_for("Serving for 600 s more")
    answer = ask(server, "/readyz")
    assert (answer.status, answer.body) == (
        503,
        b"the server is about to stop (drain_delay)\n",
    )
    assert server.get("/")[0] == 200
    assert ask(server, "/livez").status == 200
    server.send(signal.SIGTERM)
    server.send(signal.SIGQUIT)
    assert server.wait() == 0


def test_while_the_server_stops(serve: Serve, args: tuple[str, ...], fifo: str) -> None:
    server = serve("site_app", *args, *METRICS)
    with server.client() as busy:
        busy.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        assert ready(server)
        server.send(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        answer = ask(server, "/readyz")
        assert (answer.status, answer.body) == (503, b"the server is stopping\n")
        open_gate(fifo)
        assert busy.response().status == 200
    assert server.wait() == 0


def test_answers_while_all_of_python_is_stuck(
    serve: Serve, args: tuple[str, ...], fifo: str
) -> None:
    server = serve("site_app", *args, *METRICS)
    with server.client() as busy:
        busy.get(f"/hold?fifo={fifo}")
        server.log.wait_for("app: holds the interpreter")
        assert ask(server, "/livez").status == 200
        assert ready(server)
        assert Page(server).sum("licorne_in_flight_requests") == 1
        Path(fifo).write_bytes(b"x")
        assert busy.response().status == 200


def test_slow_clients_make_room(serve: Serve) -> None:
    server = serve("site_app", *METRICS)
    slow = [scrape.client(server) for _ in range(MOST_CLIENTS)]
    try:
        for each in slow:
            each.send(b"GET /livez HTTP/1.1\r\n")
        assert ask(server, "/livez").status == 200
        assert slow[0].is_closed()
        slow[-1].send(b"Host: a\r\n\r\n")
        assert slow[-1].response().status == 200
    finally:
        for each in slow:
            each.socket.close()


def test_a_unix_socket(serve: Serve, short_tmp: str) -> None:
    path = Path(short_tmp) / "m.sock"
    server = serve("site_app", "--metrics-bind", f"unix:{path}", "--umask", "0o27")
    assert ask(server, "/livez").status == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert server.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("given", ["127.0.0.1:x", "fd://3", "unix:"])
def test_an_address_that_is_none(given: str) -> None:
    done = start(given)
    assert done.returncode == 1
    assert f"Invalid value for metrics_bind: {given!r}" in done.stderr


def test_an_address_in_use_ends_the_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start(f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"Connection in use: ('127.0.0.1', {port})" in done.stderr
    assert f"Can't connect to ('127.0.0.1', {port})" in done.stderr


def start(bind: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "licorne", "-b", "127.0.0.1:0", "--metrics-bind", bind, "site_app"],
        cwd=Path(__file__).with_name("apps"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_reload_moves_it(serve: Serve, short_tmp: str) -> None:
    conf = Path(short_tmp) / "conf.py"
    first, second = (Path(short_tmp) / name for name in ("a", "b"))

    def reload(text: str, count: int) -> None:
        conf.write_text(text)
        server.send(signal.SIGHUP)
        server.log.wait_for("Reload complete", count)

    conf.write_text("")
    server = serve("site_app", "-c", str(conf))
    server.worker_pid()
    reload(f"metrics_bind = 'unix:{first}'", 1)
    # An old worker, which may still accept a connection, does not take times.
    eventually(lambda: Page(server).sum("licorne_worker_ends_total") == 1, "it has gone")
    assert server.get("/hello")[0] == 200
    assert Page(server).sum("licorne_request_duration_seconds_count") == 1
    assert Page(server).sum("licorne_last_reload", state="complete") == 1
    reload(f"metrics_bind = 'unix:{second}'", 2)
    assert not first.exists()
    assert Page(server, 2).sum("licorne_requests_total") == 1
    eventually(
        lambda: Page(server, 2).sum("licorne_worker_ends_total", cause="reload") == 2,
        "the old workers have gone",
    )
    # Somewhere it cannot be: it stays, and so does the server.
    reload(f"metrics_bind = 'unix:{short_tmp}/none/c'", 3)
    server.log.wait_for("Metrics cannot be served at unix:.*; they stay at unix:")
    assert ask(server, "/livez", number=2).status == 200
    reload("", 4)
    assert not second.exists()
    assert server.get("/hello")[0] == 200


def test_without_a_descriptor_to_spare(serve: Serve) -> None:
    """A worker has nothing of the metrics: what is the master's is closed in it."""
    server = serve("site_app", *METRICS)
    wait_until_ready(server)
    port = scrape.AT.search("\n".join(server.log.all()))
    assert port is not None
    server.send(signal.SIGTERM)
    assert server.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        Client.tcp(int(port.group(1)))


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open")
def test_a_daemon(short_tmp: str, fifo: str) -> None:
    path, conf = Path(short_tmp) / "m.sock", Path(short_tmp) / "conf.py"
    conf.write_text(
        f"import os\ndef when_ready(server):\n    open({fifo!r}, 'w').write(str(os.getpid()))\n"
    )
    words = ["-D", "-c", str(conf), "-b", "127.0.0.1:0", "--no-control-socket"]
    done = subprocess.run(
        [sys.executable, "-m", "licorne", *words, "--metrics-bind", f"unix:{path}", "site_app"],
        cwd=Path(__file__).with_name("apps"),
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    pid = int(Path(fifo).read_text())
    end = os.pidfd_open(pid)
    try:
        with Client.unix(str(path)) as client:
            client.get("/livez")
            assert client.response().body == b"ok\n"
    finally:
        os.kill(pid, signal.SIGTERM)
        assert select.select([end], [], [], PATIENCE)[0]
        os.close(end)
    assert not path.exists()


def plainly(port: int) -> int:
    """The status of a request without TLS."""
    with Client(socket.create_connection(("127.0.0.1", port), PATIENCE)) as client:
        client.get("/")
        return client.response().status


def test_connections_handshakes_and_streams(serve: Serve) -> None:
    options = ("--http-protocols", "h2,h1", "--header-timeout", "0", *METRICS)
    server = serve("tls_app", "-k", "sync", *secure.arguments(), *options)
    url = f"https://localhost:{server.port}"
    context = secure.shared().context()
    for http2 in (False, True):
        trusting = secure.shared().context()
        with httpx.Client(http2=http2, verify=trusting, timeout=PATIENCE) as client:
            assert [client.get(url).status_code for _ in range(3)] == [200] * 3
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for again in (False, True):
        raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as one:
            assert one.session_reused is again
            session = one.session
    assert plainly(server.port) == 400
    page = Page(server)
    kinds = ("http1", "http2", "uwsgi", "fastcgi")
    name = "licorne_connections_by_protocol_total"
    assert [page.sum(name, protocol=kind) for kind in kinds] == [1, 1, 0, 0]
    results = ("full", "resumed", "failed")
    name = "licorne_tls_handshakes_total"
    assert [page.sum(name, result=result) for result in results] == [3, 1, 1]
    assert page.sum("licorne_http2_streams_total") == 3
    assert page.sum("licorne_http2_open_streams") == 0
    for name in ("refused_streams", "reset_streams", "goaways", "budget_violations"):
        assert page.sum(f"licorne_http2_{name}_total") == 0
    assert page.labels("licorne_http2_reset_streams_total", "by") == {"client", "server"}
    written = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name in re.findall(r"^# TYPE (\S+)", page.text, re.MULTILINE):
        assert re.search(rf"`{name}(_total|_info)?`", written), f"{name} is not documented"
    # Only the limit for the preface is left to end a connection on which nothing is sent.
    context = secure.shared().context()
    context.set_alpn_protocols(["h2"])
    raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    with context.wrap_socket(raw, server_hostname="localhost") as waiting:
        assert waiting.selected_alpn_protocol() == "h2"
        assert waiting.recv(1) == b""
