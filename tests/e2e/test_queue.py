"""Requests that wait: answered 503 in time when they may not wait any longer, and not begun when
their clients have left; the log, the figures and the connection go on."""

from __future__ import annotations

import json
import re
import socket
import struct
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from e2e import scrape, transport
from e2e.scrape import ABANDONED, METRICS, WAITING, Page
from e2e.server import open_gate
from e2e.test_ctl import control, workers
from e2e.test_metrics import wait_until_ready
from faults.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.client import Client, Response
    from e2e.server import Serve, Server

#: Short, so that the tests are; what they check does not depend on it.
LIMIT = ("--queue-timeout", "0.5", "--queue-timeout-path", "/never=0")
#: With the interpreter lock one request keeps every thread from all others; without it each keeps
#: its own.
WAYS = {"lock": 1, "thread": 4}


def is_come_again(answer: Response) -> None:
    """The answer to a request that was not begun."""
    assert (answer.status, answer.reason) == (503, "Service Unavailable")
    assert answer.get("Retry-After") == "1"


@contextmanager
def busy(server: Server, fifo: str, way: str = "lock", worker: str = "") -> Iterator[list[Client]]:
    """Meanwhile no thread of the one worker takes a request; afterwards all do again."""
    count = WAYS[way] if worker == "gthread" else 1
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(count)]
        for number, client in enumerate(clients, 1):
            client.get(f"/{way}?gate={fifo}")
            server.log.wait_for(f"app: begun /{way}", number)
        try:
            yield clients
        finally:
            open_gate(fifo)
        for client in clients:
            assert client.response().body == b"begun"


def begun(server: Server, path: str) -> list[str]:
    """What the application has said of requests for this path."""
    return server.log.matching(rf"app: begun {re.escape(path)}$")


def reset(client: Client) -> None:
    """Close with a reset."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


@pytest.mark.parametrize("way", list(WAYS))
def test_what_waits_too_long_is_answered_without_the_application(
    serve: Serve, args: tuple[str, ...], way: str, fifo: str, tmp_path: Path
) -> None:
    path, worker = tmp_path / "access", args[1]
    server = serve("queue_app", *args, *LIMIT, *METRICS, "--access-logfile", str(path))
    wait_until_ready(server)
    with server.client() as kept, server.client() as fresh, server.client() as patient:
        kept.get("/")
        assert kept.response().body == b"begun"
        with busy(server, fifo, way, worker):
            kept.get("/kept")
            fresh.get("/fresh", close=True)
            patient.get("/never/shed")
            for client in (kept, fresh):
                is_come_again(client.response())
            assert fresh.is_closed()
            # The master is asked, and nothing of it waits for a worker.
            for probe in ("/livez", "/readyz"):
                assert scrape.ask(server, probe).status == 200
            page = Page(server)
            assert page.sum("licorne_shed_requests_total") == 2
            assert page.sum("licorne_abandoned_requests_total") == 0
            assert page.sum("licorne_requests_total", code="5xx") == 2
            assert page.sum("licorne_waiting_requests") == 1
            assert page.sum("licorne_longest_wait_seconds") > 0
            # What was answered is named no more, when its place is free again.
            in_flight = 2 if way == "lock" or worker != "gthread" else 5
            named = "licorne_in_flight_requests"
            eventually(lambda: Page(server).sum(named) == in_flight, "the answered are forgotten")
        assert patient.response().body == b"begun"
        # Again and again.
        kept.get("/after")
        assert kept.response().body == b"begun"
    assert not begun(server, "/kept")
    assert not begun(server, "/fresh")
    page = Page(server)
    assert page.sum("licorne_waiting_requests") == 0
    assert page.sum("licorne_longest_wait_seconds") == 0
    served = page.sum("licorne_request_duration_seconds_count")
    assert page.sum("licorne_queue_time_seconds_count") == served + 2
    server.stop()
    lines = path.read_text(encoding="latin-1").splitlines()
    for target in ("kept", "fresh"):
        (line,) = (each for each in lines if f"GET /{target} " in each)
        assert re.search(rf'"GET /{target} {transport.PROTOCOL}" 503 \d+ "-" "-"$', line)
    (line,) = (each for each in lines if "GET /never/shed " in each)
    assert '" 200 5 "' in line


def test_a_client_that_has_left_is_not_served(
    serve: Serve, args: tuple[str, ...], fifo: str
) -> None:
    """Without a limit too."""
    server = serve("queue_app", *args, *METRICS)
    wait_until_ready(server)
    with server.client() as leaving, server.client() as present:
        present.get("/")
        assert present.response().body == b"begun"
        with busy(server, fifo):
            leaving.get("/left")
            # Before that the kernel would forget it with its connection.
            eventually(lambda: Page(server).sum(WAITING) == 1, "it waits")
            reset(leaving)
            present.get("/present")
            eventually(lambda: Page(server).sum(ABANDONED) == 1, "it has left")
        assert present.response().body == b"begun"
    assert not begun(server, "/left")
    assert Page(server).sum("licorne_shed_requests_total") == 0


def test_a_client_that_will_send_no_more_may_have_left(
    serve: Serve, args: tuple[str, ...], fifo: str
) -> None:
    server = serve("queue_app", *args, *METRICS)
    wait_until_ready(server)
    with server.client() as half, server.client() as two, server.client() as present:
        present.get("/")
        assert present.response().body == b"begun"
        with busy(server, fifo):
            half.get("/half")
            half.end()
            # At once: behind a request that was read by itself, an end means that its client left.
            two.send(b"".join(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % it for it in (b"1", b"2")))
            two.end()
            present.get("/present")
            is_come_again(half.response())
            assert half.is_closed()
            eventually(lambda: Page(server).sum(ABANDONED) == 1, "it has left")
        assert present.response().body == b"begun"
        # One that has sent all that it will send waits for all its answers.
        assert [two.response().body for _ in range(2)] == [b"begun", b"begun"]
    assert not begun(server, "/half")
    assert Page(server).sum("licorne_shed_requests_total") == 0


#: Every atom that is known without the application.
ATOMS = (
    "h l u r s m U q H f a p {x-in}i {content-type}o {retry-after}o {REMOTE_ADDR}e {SCRIPT_NAME}e "
    "{SERVER_NAME}e {SERVER_PORT}e {wsgi.url_scheme}e {wsgi.multiprocess}e {HTTP_COOKIE}e {none}i "
    "{request_id}x {HTTP_X_MANY}e {SERVER_SOFTWARE}e {CONTENT_TYPE}e {CONTENT_LENGTH}e"
)
FIELDS = (
    "X-In: inside", "User-Agent: test/1", "Referer: b", "Cookie: a=1", "Cookie: b=2", "X-Many: 1",
    "X-Many: 2", "Content-Type: text/x", "X-Request-ID: of-the-proxy",
    "Authorization: Basic dXNlcjpzZWNyZXQ=",
)  # fmt: skip


def lines_of_both(
    serve: Serve, fifo: str, path: Path, worker: tuple[str, ...], *more: str
) -> tuple[str, str]:
    """The lines of a request that was served, and of the same one that was not begun."""
    server = serve(
        "queue_app", *worker, *LIMIT, "--request-id", "--access-logfile", str(path), *more
    )
    with server.client() as client:
        client.request("POST", "/a%20b?c=d", *FIELDS, body=b"body")
        assert client.response().status == 200
        with busy(server, fifo):
            client.request("POST", "/a%20b?c=d", *FIELDS, body=b"body")
            answer = client.response()
            is_come_again(answer)
        client.get("/after")
        assert client.response().status == 200
    server.stop()
    lines = path.read_text(encoding="latin-1").splitlines()
    # A thread may have had no lock of the interpreter to write the first one before the second.
    both = (line for line in lines if "/a%20b" in line)
    served, refused = sorted(both, key=lambda line: re.search(r"[=: ]503\b", line) is not None)
    assert str(len(answer.body)) in refused
    return served, refused


@pytest.mark.parametrize("python", [False, True])
def test_every_atom_says_what_it_says_of_others(
    serve: Serve, args: tuple[str, ...], fifo: str, tmp_path: Path, python: bool
) -> None:
    form = "|".join(f"{atom}=%({atom})s" for atom in ATOMS.split())
    # Formats with more than names in them are written by Python.
    form += "|q=%({queue_time}x)s|B=%(B)" + ("-5s|L=%(L)s" if python else "s|L=%(L)s")
    both = lines_of_both(serve, fifo, tmp_path / "access", args, "--access-logformat", form)
    served, refused = (dict(part.split("=", 1) for part in line.split("|")) for line in both)
    assert (served.pop("s"), refused.pop("s")) == ("200", "503")
    assert (served.pop("{content-type}o"), refused.pop("{content-type}o")) == (
        "text/plain",
        "text/html",
    )
    assert (served.pop("{retry-after}o"), refused.pop("{retry-after}o")) == ("-", "1")
    assert served["{request_id}x"] == "of-the-proxy"
    assert float(refused.pop("q")) > 0.5 > float(served.pop("q"))
    assert float(refused.pop("L")) == 0
    del served["L"]
    assert int(served.pop("B")) < int(refused.pop("B"))
    assert refused == served


def test_a_line_of_json(serve: Serve, args: tuple[str, ...], fifo: str, tmp_path: Path) -> None:
    both = lines_of_both(serve, fifo, tmp_path / "access", args, "--log-format", "json")
    served, refused = map(json.loads, both)
    assert (served["status"], refused["status"]) == (200, 503)
    assert refused["queue_time"] > 0.5 > served["queue_time"]
    assert refused["duration"] == 0
    own = ("timestamp", "status", "bytes", "duration", "queue_time")
    assert {k: v for k, v in refused.items() if k not in own} == {
        k: v for k, v in served.items() if k not in own
    }


def test_those_that_are_left_out_have_no_line(serve: Serve, fifo: str, tmp_path: Path) -> None:
    path = tmp_path / "access"
    server = serve(
        "queue_app", *LIMIT, "--access-logfile", str(path), "--access-log-exclude", "/healthz"
    )
    with server.client() as client, server.client() as other, busy(server, fifo):
        client.get("/healthz")
        other.get("/other")
        is_come_again(client.response())
        is_come_again(other.response())
    server.stop()
    lines = path.read_text(encoding="latin-1").splitlines()
    assert [line for line in lines if " 503 " in line] == [
        line for line in lines if "GET /other " in line
    ]


def test_what_the_control_command_says(
    serve: Serve, args: tuple[str, ...], fifo: str, short_tmp: str
) -> None:
    server = serve("queue_app", *args, *LIMIT, "--control-socket", f"{short_tmp}/x.ctl")
    with server.client() as shed, server.client() as patient, busy(server, fifo):
        patient.get("/never")
        shed.get("/shed")
        is_come_again(shed.response())
        (row,) = workers(server)
        assert (row["waiting"], row["shed"], row["abandoned"]) == (1, 1, 0)
        assert isinstance(row["longest_wait"], float)
        status = control(server, "status")
        assert (status["waiting"], status["shed"], status["abandoned"]) == (1, 1, 0)
