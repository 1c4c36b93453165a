"""HTTP/2 in clear text, under every worker type, with a client that refuses what breaks a rule."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import socket
import subprocess
import threading
from functools import partial
from shutil import which
from typing import TYPE_CHECKING

import pytest

from e2e.conftest import WORKERS
from e2e.h2_client import H2Client
from e2e.scrape import ABANDONED, METRICS, WAITING, Page
from e2e.server import TELLS_READY, Server, open_gate
from faults.processes import eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.conftest import Fifos
    from e2e.server import Serve

CLEAR = ("--http-protocols", "h1,h2", "--http2-cleartext", "prior-knowledge")
KINDS = {**WORKERS, "asgi": ("-k", "asgi")}
APPS = {"asgi": "h2_site:asgi"}
BLOCK = 16 * 1024


def app_of(kind: str) -> str:
    """The same site, by the interface of a worker type."""
    return APPS.get(kind, "h2_site")


def said_by(arguments: tuple[str, ...], url: str) -> str:
    """What a client says that asks for this, and that nothing went wrong."""
    if which(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")
    done = subprocess.run(
        [*arguments, url], check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    assert "error_code" not in done.stdout or "NO_ERROR" in done.stdout
    return done.stdout


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    """Each worker type in turn."""
    return str(request.param)


@pytest.fixture
def site2(kind: str, sites: dict[str, Server]) -> Server:
    """The site under each worker type; some of what it does is to fail."""
    name = f"http2 {kind}"
    if name not in sites:
        sites[name] = Server(app_of(kind), *KINDS[kind], *CLEAR)
        sites[name].tolerates_tracebacks = True
    return sites[name]


def start(serve: Serve, kind: str, *args: str) -> Server:
    """A server of a test's own."""
    return serve(app_of(kind), *KINDS[kind], *CLEAR, *args, tracebacks=True)


def test_an_answer(site2: Server) -> None:
    with H2Client(site2.port) as client:
        for _ in range(2):
            answer = client.get("/")
            assert (answer.status, answer.body) == (200, b"hello")
            assert answer.field("content-length") == "5"
            assert answer.field("connection") is None
            assert answer.field("server") == "licorne"
            assert answer.field("date")


def test_what_the_application_is_told(site2: Server, kind: str) -> None:
    with H2Client(site2.port) as client:
        fields = [("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2")]
        told = json.loads(client.get("/environ", fields=fields).body)
    if kind == "asgi":
        assert told["http_version"] == "2"
        return
    assert told["SERVER_PROTOCOL"] == "HTTP/2"
    assert told["HTTP_VERSION"] == "2"
    assert told["HTTP_HOST"] == "there"
    assert told["HTTP_COOKIE"] == "a=1; b=2"
    assert told["HTTP_X_ONE"] == "1"
    assert told["wsgi.url_scheme"] == "http"
    assert not [key for key in told if key.startswith("HTTP_:")]


def test_a_body_that_announces_no_length_has_one(site2: Server, kind: str) -> None:
    """An application that reads as many bytes as CONTENT_LENGTH says finds them all (PEP 3333)."""
    if kind == "asgi":
        pytest.skip("what it is told has no length")
    with H2Client(site2.port) as client:
        for body in (b"abc", b"", b"x" * 20):
            stream = client.begin("POST", "/environ")
            client.give(stream, body, end=True)
            assert json.loads(client.answer(stream).body)["CONTENT_LENGTH"] == str(len(body))
        assert "CONTENT_LENGTH" not in json.loads(client.get("/environ").body)


def test_heads_without_a_body_end_their_stream(site2: Server) -> None:
    with H2Client(site2.port) as client:
        head = client.get("/size?n=70000", method="HEAD")
        assert (head.status, head.body, head.ended_with_head) == (200, b"", True)
        for status in ("204 No Content", "304 Not Modified"):
            answer = client.get(f"/empty?status={status.replace(' ', '%20')}")
            assert (answer.status, answer.body) == (int(status[:3]), b"")
            assert answer.ended_with_head
            assert answer.field("content-length") is None


def test_trailers_of_a_request_have_its_limits(serve: Serve, kind: str) -> None:
    server = start(serve, kind, "--limit-request-fields", "5")
    with H2Client(server.port) as client:
        for count, status in ((5, 200), (6, 431)):
            stream = client.begin("POST", "/digest")
            client.end(stream, [(f"x-{number}", "1") for number in range(count)])
            assert client.answer(stream).status == status
        assert client.get("/").body == b"hello"


def test_interim_responses_and_trailers(site2: Server) -> None:
    with H2Client(site2.port) as client:
        hints = client.get("/hints")
        expected = [(":status", "103"), ("link", "</style.css>; rel=preload")]
        assert (hints.interim, hints.body) == ([expected], b"hello")
        answer = client.get("/trailers")
        assert (answer.body, answer.trailers) == (b"hello", [("x-sum", "1")])


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 65_536, 3_000_000])
def test_bodies_of_each_size(site2: Server, size: int) -> None:
    with H2Client(site2.port) as client:
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        uploaded = client.get("/digest", method="POST", body=body)
        assert uploaded.body.decode() == hashlib.sha256(body).hexdigest()
        assert client.get(f"/size?n={size}").body == b"x" * size


def test_uploads_and_downloads_side_by_side(site2: Server) -> None:
    with H2Client(site2.port) as client:
        bodies = [bytes([number]) * 700_000 for number in range(8)]
        downloads = [client.ask(f"/stream?n={40 + number}") for number in range(8)]
        uploads = [client.begin("POST", "/digest") for _ in bodies]
        for position in range(0, 700_000, 100_000):
            for stream, body in zip(uploads, bodies, strict=True):
                part = body[position : position + 100_000]
                client.give(stream, part, end=position == 600_000)
        for stream, body in zip(uploads, bodies, strict=True):
            assert client.answer(stream).body.decode() == hashlib.sha256(body).hexdigest()
        for number, stream in enumerate(downloads):
            assert len(client.answer(stream).body) == (40 + number) * BLOCK


def test_a_hundred_streams_at_once(site2: Server) -> None:
    with H2Client(site2.port) as client:
        client.until(lambda: client.h2.remote_settings.max_concurrent_streams == 100)
        streams = [client.ask(f"/size?n={number}") for number in range(100)]
        for number, stream in enumerate(streams):
            assert client.answer(stream).body == b"x" * number


def test_failures_cost_their_stream_alone(site2: Server) -> None:
    with H2Client(site2.port) as client:
        failed = client.get("/fail")
        assert (failed.status, failed.reset) == (500, None)
        assert b"Internal Server Error" in failed.body
        late = client.get("/late")
        assert (late.status, late.reset) == (200, 2)
        short = client.get("/short")
        assert (short.status, bytes(short.body), short.reset) == (200, b"four", 2)
        assert client.get("/").body == b"hello"


def test_a_request_that_is_refused_gets_an_answer(site2: Server) -> None:
    with H2Client(site2.port) as client:
        many = [(f"x-{number}", "1") for number in range(101)]
        refused = client.get("/", fields=many)
        assert (refused.status, refused.body[:6]) == (431, b"<html>")
        refused = client.get("/", fields=many, method="HEAD")
        assert (refused.status, bytes(refused.body), refused.reset) == (431, b"", None)
        assert client.get("/").status == 200


def test_continue_is_said_before_the_body_is_sent(site2: Server) -> None:
    with H2Client(site2.port) as client:
        stream = client.begin("POST", "/digest", [("expect", "100-continue")])
        client.until(lambda: bool(client.answers[stream].interim))
        assert client.answers[stream].interim == [[(":status", "100")]]
        client.give(stream, b"body", end=True)
        assert client.answer(stream).body.decode() == hashlib.sha256(b"body").hexdigest()


def test_a_request_that_waits_and_is_given_up_is_not_begun(serve: Serve, fifo: str) -> None:
    server = start(serve, "sync", *METRICS)
    with H2Client(server.port) as client:
        held = client.ask(f"/hold?gate={fifo}")
        server.log.wait_for("called /hold")
        given_up = client.ask("/size?n=1")
        eventually(lambda: Page(server).sum(WAITING) == 1, "it waits")
        client.reset(given_up)
        eventually(lambda: Page(server).sum(ABANDONED) == 1, "it is given up")
        last = client.ask("/size?n=2")
        open_gate(fifo)
        assert client.answer(held).body == b"hello"
        assert client.answer(last).body == b"xx"
    assert not server.log.matching("called /size.n=1")


def test_a_stream_that_is_given_up_is_a_disconnect(serve: Serve, fifo: str) -> None:
    server = start(serve, "asgi")
    with H2Client(server.port) as client:
        held = client.ask(f"/hold?gate={fifo}")
        server.log.wait_for("called /hold")
        client.reset(held)
        server.log.wait_for("app: disconnect")
        assert client.get("/").body == b"hello"
    open_gate(fifo)


def test_a_connection_that_ends_is_a_disconnect_of_all(serve: Serve, fifos: Fifos) -> None:
    server = start(serve, "asgi")
    gates = fifos(3)
    with H2Client(server.port) as client:
        for number, gate in enumerate(gates, 1):
            client.ask(f"/hold?gate={gate}")
            server.log.wait_for("called /hold", number)
    server.log.wait_for("app: disconnect", 3)
    for gate in gates:
        open_gate(gate)


def test_a_stop_loses_no_stream(serve: Serve, kind: str, fifo: str) -> None:
    """GOAWAY in two steps: what was begun is answered, and what crosses with the first is, too."""
    server = start(serve, kind)
    with H2Client(server.port) as client:
        held = client.ask(f"/hold?gate={fifo}")
        server.log.wait_for("called /hold")
        server.send(signal.SIGTERM)
        client.until(lambda: bool(client.gone))
        assert client.gone[0] == (2**31 - 1, 0)
        open_gate(fifo)
        assert client.answer(held).body == b"hello"
        while not client.closed:
            client.receive()
        assert client.gone[1:] == [(held, 0)]
    assert server.wait() == 0


def test_an_idle_connection_ends_after_the_keep_alive_time(serve: Serve, kind: str) -> None:
    server = start(serve, kind, "--keep-alive", "1")
    with H2Client(server.port) as client:
        assert client.get("/").body == b"hello"
        while not client.closed:
            client.receive()
        assert client.gone == [(2**31 - 1, 0), (1, 0)]


def test_the_access_log(serve: Serve, kind: str) -> None:
    server = start(serve, kind, "--access-logfile", "-", "--access-logformat", "%(r)s %(s)s %(B)s")
    with H2Client(server.port) as client:
        client.get("/size?n=7")
        # Its stream ends with the head, before the application does.
        client.get("/stream?n=2", method="HEAD")
    server.output.wait_for(re.escape("GET /size?n=7 HTTP/2 200 7"))
    server.output.wait_for(re.escape("HEAD /stream?n=2 HTTP/2 200 0"))


def test_a_body_that_does_not_come(serve: Serve) -> None:
    server = start(serve, "sync", "--body-timeout", "1")
    with H2Client(server.port) as client:
        stream = client.begin("POST", "/digest")
        client.give(stream, b"part", end=False)
        assert client.answer(stream).status == 408
        assert client.get("/").body == b"hello"


def test_a_request_over_its_time_costs_its_stream(serve: Serve, fifo: str) -> None:
    server = start(serve, "gthread", "--request-timeout", "1")
    with H2Client(server.port) as client:
        held = client.ask(f"/hold?gate={fifo}")
        assert client.answer(held).status == 504
        assert client.get("/").body == b"hello"
        open_gate(fifo)


def test_a_worker_that_is_replaced_loses_no_stream(serve: Serve, kind: str) -> None:
    """The load goes on over HUP, with a client that opens a connection anew when it is told to."""
    server = start(serve, kind, "-w", "2")
    answered = 0
    for number in range(6):
        with H2Client(server.port) as client:
            streams = [client.ask("/size?n=1000") for _ in range(20)]
            if number == 2:
                server.send(signal.SIGHUP)
            for stream in streams:
                answered += client.answer(stream).body == b"x" * 1000
    assert answered == 120


def test_peers_that_are_not_trusted_speak_http_1(serve: Serve) -> None:
    server = start(serve, "sync", "--forwarded-allow-ips", "10.0.0.1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400")


def test_a_peer_that_is_expected_to_speak_http_2_is_told(serve: Serve) -> None:
    server = start(serve, "sync")
    with server.client() as client:
        client.get("/")
        answer = client.response()
    assert answer.status == 400
    assert b"HTTP/2 is expected" in answer.body


def test_both_protocols_on_one_port(serve: Serve) -> None:
    server = start(serve, "sync", "--http2-cleartext", "both")
    assert server.get("/") == (200, b"hello")
    with H2Client(server.port) as client:
        assert client.get("/").body == b"hello"


@pytest.mark.parametrize(
    "arguments",
    [
        ("curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_version} %{http_code}"),
        ("nghttp", "-v", "-n"),
    ],
    ids=["curl", "nghttp"],
)
def test_other_clients(site2: Server, arguments: tuple[str, ...]) -> None:
    said = said_by(arguments, f"{site2.url}/size?n=100000")
    expected = {"curl": "2 200", "nghttp": ":status: 200"}
    assert expected[arguments[0]] in said


@pytest.mark.skipif(which("h2load") is None, reason="h2load is not installed")
def test_tls_agrees_on_http_2(serve: Serve, kind: str) -> None:
    server = serve(app_of(kind), *KINDS[kind], "--http-protocols", "h2,h1", "--self-signed")
    found = server.log.wait_for(r"Listening at: .*https://127\.0\.0\.1:(\d+)")
    done = subprocess.run(
        [
            "h2load",
            "-n",
            "400",
            "-c",
            "4",
            "-m",
            "16",
            f"https://127.0.0.1:{found[1]}/size?n=20000",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "Application protocol: h2" in done.stdout
    assert "400 succeeded, 0 failed, 0 errored" in done.stdout


@pytest.mark.skipif(which("h2load") is None, reason="h2load is not installed")
def test_h2load(site2: Server) -> None:
    done = subprocess.run(
        ["h2load", "-n", "2000", "-c", "4", "-m", "16", f"{site2.url}/size?n=20000"],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "2000 succeeded, 0 failed, 0 errored" in done.stdout


class Load:
    """Clients that keep streams open until they are told to go, and come again."""

    def __init__(self, port: int, clients: int) -> None:
        self._port = port
        self._over = threading.Event()
        self.answered = 0
        self.lost: list[str] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No more requests; those that are open are answered."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def has_answered(self, count: int) -> bool:
        """Whether so many streams were answered."""
        return self.answered >= count

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._one_connection()
            except OSError as error:
                self.lost.append(repr(error))
                return

    def _one_connection(self) -> None:
        with H2Client(self._port) as client:
            open_streams: set[int] = set()
            while not client.gone and not self._over.is_set():
                while len(open_streams) < 8:
                    open_streams.add(client.ask("/size?n=3000"))
                client.receive()
                self._look(client, open_streams)
                if client.closed:
                    break
            while open_streams and not client.closed:
                client.receive()
                self._look(client, open_streams)
            # Those above the last one named were not begun: another connection is for them.
            last = client.gone[-1].last_stream if client.gone else 2**31
            self.lost += [f"{stream} of {client.gone}" for stream in open_streams if stream <= last]

    def _look(self, client: H2Client, open_streams: set[int]) -> None:
        for stream in [each for each in open_streams if client.answers[each].over]:
            open_streams.remove(stream)
            answer = client.answers.pop(stream)
            if (answer.status, len(answer.body)) == (200, 3000):
                self.answered += 1
            else:
                self.lost.append(f"{stream}: {answer.status} {answer.reset}")


@pytest.mark.patient
@pytest.mark.parametrize("kind", ["sync", "gthread", "asgi"])
def test_no_stream_is_lost_while_workers_come_and_go(serve: Serve, kind: str) -> None:
    server = start(serve, kind, "-w", "2", "--max-requests", "400", *TELLS_READY)
    server.ready(2)
    load = Load(server.port, 4)
    for round_number in range(3):
        server.send(signal.SIGHUP)
        server.ready(4 + 2 * round_number)
        before = load.answered
        eventually(partial(load.has_answered, before + 200), "200 more answers")
    load.stop()
    assert load.lost == []
    assert load.answered > 600
