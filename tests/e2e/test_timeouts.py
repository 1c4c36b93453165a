"""Requests over their time: the client gets 504, the log has the request and its stack, the others
go on, and the worker is replaced."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from e2e.client import CutShortError
from e2e.scenarios import ENDS_WHAT_WAITS
from e2e.server import Server, open_gate, opened

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.client import Response
    from e2e.conftest import Fifos
    from e2e.server import Serve

#: Short, so that the tests are; what they check does not depend on it.
LIMIT = ("--request-timeout", "0.4", "--graceful-timeout", "1")
STUCK = ["asleep", "busy", "hogging"]


def is_gateway_timeout(answer: Response) -> None:
    """The answer is the error page of a request that took too long."""
    assert (answer.status, answer.reason) == (504, "Gateway Timeout")
    assert answer.get("Connection") == "close"
    assert answer.get("Content-Type") == "text/html"
    assert b"<h1><p>Gateway Timeout</p></h1>" in answer.body


def record(server: Server, path: str) -> list[str]:
    """The lines of the one log record about an overdue request."""
    server.log.wait_for(rf"\[ERROR\] Request over its time: GET {re.escape(path)} ")
    server.log.wait_for(r"in \w+_in_the_view$")
    lines = server.log.all()
    start = next(at for at, line in enumerate(lines) if "Request over its time" in line)
    end = start + 1
    while end < len(lines) and not lines[end].startswith("["):
        end += 1
    return lines[start:end]


@pytest.mark.parametrize("way", STUCK)
def test_a_stuck_request_is_answered_and_told(
    serve: Serve, args: tuple[str, ...], worker: str, way: str
) -> None:
    server = serve("stuck_app", *args, *LIMIT)
    pid = server.worker_pid()
    with server.client() as client:
        client.get(f"/{way}")
        port = client.socket.getsockname()[1]
        is_gateway_timeout(client.response())
        assert client.is_closed()
    first, title, *frames = record(server, f"/{way}")
    assert re.search(
        rf"GET /{way} from 127\.0\.0\.1:{port}, id {pid}\.1, running for \d+\.\d s "
        rf"\(request_timeout 0\.4 s\), body 0 bytes, sent 0 bytes, worker {pid}$",
        first,
    )
    assert title == "Python stack (most recent call last):"
    # The application's frames only, each with its source line.
    assert frames[0].endswith("in application")
    assert [frame for frame in frames if frame.endswith(f"in {way}_in_the_view")]
    if way != "asleep" or worker not in ENDS_WHAT_WAITS:
        # A replacement serves, whatever became of the thread.
        assert server.worker_pid(2) != pid
        gone = rf"Worker exiting \(pid: {pid}\)|Worker \(pid:{pid}\) was sent SIGKILL!"
        server.log.wait_for(gone)
    status, body = server.get("/")
    assert (status, body[:4]) == (200, b"pid ")
    assert len(server.log.matching("Request over its time")) == 1


@pytest.mark.parametrize("way", ["begun"])
def test_a_response_that_has_begun_is_aborted(
    serve: Serve, args: tuple[str, ...], way: str
) -> None:
    server = serve("stuck_app", *args, *LIMIT)
    with server.client() as client:
        client.get(f"/{way}")
        with pytest.raises(CutShortError):
            client.response()
    first, *frames = record(server, f"/{way}")
    assert "sent 13 bytes" in first
    assert [frame for frame in frames if frame.endswith("in asleep_in_the_view")]


def test_the_other_requests_go_on(serve: Serve, args: tuple[str, ...], fifo: str) -> None:
    server = serve("stuck_app", *args, *LIMIT)
    pid = server.worker_pid()
    with server.client() as stuck, server.client() as kept:
        kept.get("/")
        assert kept.response().body == f"pid {pid}".encode()
        stuck.get(f"/waiting?gate={fifo}")
        kept.get("/")
        assert kept.response().body == f"pid {pid}".encode()
        is_gateway_timeout(stuck.response())
        # Until a replacement is ready, where one is needed, and after: no client is refused.
        assert server.get("/")[0] == 200
    with opened(fifo):
        assert server.get("/")[0] == 200


@pytest.mark.parametrize("path", ["waiting", "written"])
def test_a_thread_that_returns_late_does_no_harm(
    serve: Serve, args: tuple[str, ...], fifo: str, path: str
) -> None:
    server = serve("stuck_app", *args, *LIMIT, "--graceful-timeout", "20", "--access-logfile", "-")
    with server.client() as client:
        client.get(f"/{path}?gate={fifo}")
        # Behind it in the same connection: it goes with the connection.
        client.get("/")
        is_gateway_timeout(client.response())
        assert client.everything() == b""
    server.log.wait_for("Request over its time")
    open_gate(fifo)
    server.log.wait_for("app: went on")
    if path == "written":
        server.log.wait_for("app: the client is gone")
    else:
        server.output.wait_for(rf'"GET /{path}\?gate=\S+ HTTP/1.1" 504 ')
    server.worker_pid(2)
    server.log.wait_for("Worker exiting")
    assert server.get("/")[0] == 200
    assert len(server.log.matching("Request over its time")) == 1


def test_the_body_is_closed_however_late(serve: Serve, args: tuple[str, ...], fifo: str) -> None:
    server = serve("stuck_app", *args, *LIMIT, "--graceful-timeout", "20")
    with server.client() as client:
        client.get(f"/closing?gate={fifo}")
        with pytest.raises(CutShortError):
            client.response()
    # A greenlet may have been ended, and closed its body, without waiting there any more.
    with opened(fifo):
        server.log.wait_for("app: closed")
    assert server.get("/")[0] == 200


def test_paths_have_limits_of_their_own(serve: Serve, args: tuple[str, ...], fifos: Fifos) -> None:
    one, two = fifos(2)
    server = serve(
        "stuck_app", *args, "--graceful-timeout", "1",
        "--request-timeout-path", "/slow/=0",
        "--request-timeout-path", "/slow/but/=0.4",
    )  # fmt: skip
    with server.client() as free, server.client() as bounded:
        bounded.get(f"/slow/but/waiting?gate={one}")
        is_gateway_timeout(bounded.response())
        server.log.wait_for(r"GET /slow/but/waiting\S* .* \(request_timeout 0\.4 s\)")
        with opened(one, two):
            free.get(f"/slow/waiting?gate={two}")
            assert free.response().status == 200
    assert len(server.log.matching("Request over its time")) == 1


def test_paths_in_a_configuration_file(serve: Serve, tmp_path: Path) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text('request_timeout_paths = {"/asleep": 0.3}\ngraceful_timeout = 1\n')
    server = serve("stuck_app", "-c", str(conf))
    assert server.get("/asleep")[0] == 504
    server.log.wait_for(r"\(request_timeout 0\.3 s\)")


@pytest.mark.parametrize("way", STUCK)
def test_timeout_bounds_the_requests_of_sync(serve: Serve, way: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text('def worker_abort(worker):\n    worker.log.info("hook: abort")\n')
    server = serve("stuck_app", "-c", str(conf), "-t", "1")
    pid = server.worker_pid()
    with server.client() as client:
        client.get(f"/{way}")
        is_gateway_timeout(client.response())
    server.worker_pid(2)
    first, _, *frames = record(server, f"/{way}")
    assert "(timeout 1 s)" in first
    assert [frame for frame in frames if frame.endswith(f"in {way}_in_the_view")]
    critical = server.log.wait_for(rf"\[CRITICAL\] WORKER TIMEOUT \(pid:{pid}\)$")
    lines = server.log.all()
    assert lines.index(critical.string) < lines.index(first)
    if way == "hogging":
        server.log.wait_for(rf"Worker \(pid:{pid}\) was sent SIGKILL!")
    else:
        server.log.wait_for("hook: abort")
        # It has a second for its end.
        gone = rf"Worker \(pid:{pid}\) (exited with code 1\.|was sent SIGKILL!)"
        server.log.wait_for(gone)
        assert len(server.log.matching("Error handling request")) == 1
    assert server.get("/")[0] == 200
    told = server.log.matching("Request over its time")
    assert len(told) == 1
    assert not server.log.matching("lost a request")


def test_without_a_limit_a_request_may_take_its_time(
    serve: Serve, args: tuple[str, ...], fifo: str
) -> None:
    server = serve("stuck_app", *args, "-t", "1")
    with server.client() as client:
        client.get(f"/waiting?gate={fifo}")
        # Longer than `timeout` for the worker's loop, which goes on.
        server.log.wait_for("Booting worker")
        for _ in range(3):
            assert server.get("/")[0] == 200
        open_gate(fifo)
        assert client.response().status == 200
    assert not server.log.matching("CRITICAL|Request over its time")


def test_workers_of_a_mold_show_their_stacks_too(serve: Serve) -> None:
    server = serve("stuck_app", "--preload", *LIMIT)
    assert server.get("/asleep")[0] == 504
    record(server, "/asleep")
    server.worker_pid(2)
    server.log.wait_for(r"Worker exiting|was sent SIGKILL")
    assert server.get("/")[0] == 200
