"""Requests that come to a busy worker: a sibling that is free answers them, as if its own.

No clock decides: the requests that keep the busy worker are let go when the others have had their
answers, and not before.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import signal
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.conftest import WORKERS
from e2e.held import KINDS, SPARE, Answer, Held, Holding, arguments, ask, held, listening, ports
from e2e.server import Server
from faults.processes import ended, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Keep = Callable[..., Held]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="handing over is for Linux")

#: Clients of the busy worker that the tests which share it may use, for each listener.
CLIENTS = 24
#: Larger than what the server below holds in memory.
LARGE = bytes(range(256)) * 4096
LOG_FORMAT = "%(p)s %(h)s %(m)s %(U)s %(s)s"


@pytest.fixture(scope="module", params=list(WORKERS))
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Held]:
    """A server of each worker type with one worker held, for all tests that only ask."""
    folder = tmp_path_factory.mktemp("kept")
    server = Server(
        "dispatch_app",
        *arguments(request.param),
        *("--body-buffer-size", "65536", "--request-id"),
        *("--access-logfile", str(folder / "access"), "--access-logformat", LOG_FORMAT),
        bind=("127.0.0.1:0", "127.0.0.1:0"),
    )
    connect = [partial(Client.tcp, port) for port in ports(server)]
    yield from held(server, request.param, connect, folder, CLIENTS)
    lines = (folder / "access").read_text(encoding="ascii").splitlines()
    logged = [line for line in lines if "/once" in line]
    assert len(logged) == len(set(logged)), "a request has two lines in the access log"


@pytest.fixture
def keep(worker: str, tmp_path: Path) -> Iterator[Keep]:
    """A server of the test's own, whose busy worker it holds itself."""
    made: list[Held] = []
    servers: list[Server] = []

    def start(*more: str, count: int = 4) -> Held:
        server = Server("dispatch_app", *arguments(worker), *more)
        servers.append(server)
        one = Held(server, worker, [server.client], tmp_path)
        made.append(one)
        one.pin(count + SPARE)
        return one

    yield start
    for one in made:
        one.close()
    for server in servers:
        server.finish()


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Held]]:
    """A server of each worker type that is asked for, none of whose workers is held yet."""
    made: dict[str, Held] = {}

    def of(kind: str) -> Held:
        if kind not in made:
            server = Server("dispatch_app", *arguments(kind))
            made[kind] = Held(server, kind, [server.client], tmp_path_factory.mktemp("idle"))
        return made[kind]

    yield of
    for one in made.values():
        one.close()
        one.server.finish()


@pytest.fixture
def lent(worker: str, idle: Callable[[str], Held]) -> Iterator[Held]:
    """One of these with some clients, for a test that holds workers and ends none."""
    one = idle(worker)
    one.pin(12 + SPARE)
    yield one
    one.release_all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_listener(worker: str, kind: str, short_tmp: str) -> None:
    server, connect = listening(kind, worker, short_tmp)
    for one in held(server, worker, connect, Path(short_tmp), 2):
        with one.client() as client:
            for _ in range(3):
                assert ask(client).pid == one.sibling
        with one.client() as client:
            assert ask(client).pid == one.sibling


def test_beside_code_that_computes(lent: Held) -> None:
    lent.hold("/spin")
    with lent.client() as client:
        assert ask(client).pid == lent.sibling


def test_not_if_it_is_off(keep: Keep) -> None:
    """It waits for its own worker, however idle the other one is."""
    one = keep("--dispatch", "off")
    one.hold()
    with one.client() as client:
        client.get("/waits")
        eventually(lambda: one.waiting() == 1, "the request was read")
        assert not select.select([client.socket], [], [], 0)[0]
        one.release(one.busy)
        assert Answer(client.response()).pid == one.busy
    assert set(one.counts("given").values()) == {0}


def test_a_single_worker_keeps_what_it_has(worker: str, tmp_path: Path) -> None:
    server = Server("dispatch_app", *arguments(worker), "-w", "1")
    try:
        pid = server.worker_pid()
        with server.client() as holding, server.client() as client:
            assert ask(client).pid == pid
            gate = tmp_path / "gate"
            holding.get(f"/spin?gate={gate}")
            server.log.wait_for("is held")
            client.get("/")
            Holding(gate, holding, pid).release()
            assert Answer(client.response()).pid == pid
    finally:
        server.finish()


def test_whichever_is_free_first(lent: Held) -> None:
    """Both workers are held: the one that becomes free takes what waits in the other."""
    lent.hold()
    lent.hold_sibling()
    given = sum(lent.counts("given").values())
    with lent.client() as client:
        client.get("/waits")
        # It waits in the one, or is on its way to the other, which was free a moment ago.
        eventually(
            lambda: lent.waiting() + sum(lent.counts("given").values()) > given,
            "the request was read",
        )
        lent.release(lent.sibling)
        assert Answer(client.response()).pid == lent.sibling


def test_one_that_has_just_become_free(lent: Held) -> None:
    """It is known to be free again, whatever it was held by."""
    lent.hold()
    for _ in range(3):
        lent.hold_sibling()
        lent.release(lent.sibling)
        with lent.client() as client:
            assert ask(client).pid == lent.sibling


class TestOnTheWay:
    """Requests in the queue that no worker has taken out: the one that was free stands still."""

    def test_its_own_worker_is_free_first(self, lent: Held) -> None:
        with stranded(lent) as client:
            lent.release(lent.busy)
            assert Answer(client.response()).pid == lent.busy

    def test_its_own_worker_dies(self, keep: Keep) -> None:
        one = keep()
        with stranded(one) as client:
            os.kill(one.busy, signal.SIGKILL)
            one.forget(one.busy)
            ended(one.busy)
            os.kill(one.sibling, signal.SIGCONT)
            # Or the replacement is.
            assert Answer(client.response()).pid != one.busy

    def test_its_own_worker_ends(self, keep: Keep) -> None:
        """It does not end before the request is taken, or takes it back."""
        one = keep()
        with stranded(one) as client:
            os.kill(one.busy, signal.SIGTERM)
            one.release(one.busy)
            assert Answer(client.response())["PATH_INFO"] == "/stranded"

    def test_the_server_ends(self, keep: Keep) -> None:
        one = keep()
        with stranded(one) as client:
            one.server.send(signal.SIGTERM)
            one.server.log.wait_for("Handling signal: term")
            one.release(one.busy)
            os.kill(one.sibling, signal.SIGCONT)
            assert Answer(client.response())["PATH_INFO"] == "/stranded"
            assert one.server.wait() == 0


@contextmanager
def stranded(one: Held) -> Iterator[Client]:
    """A client whose request was given to a sibling that does not take it; it goes on at last."""
    one.hold()
    gave = one.counts("given")[one.busy]
    eventually(lambda: all_are(one.sibling, "S"), "the sibling waits for something to do")
    os.kill(one.sibling, signal.SIGSTOP)
    eventually(lambda: all_are(one.sibling, "T"), "the sibling stands still")
    try:
        with one.client() as client:
            client.get("/stranded")
            eventually(lambda: one.counts("given")[one.busy] > gave, "it was given")
            yield client
    finally:
        # It may have ended since.
        with suppress(ProcessLookupError):
            os.kill(one.sibling, signal.SIGCONT)


def all_are(pid: int, state: str) -> bool:
    """Whether all threads of a process wait ("S"), or stand still ("T")."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {(each / "stat").read_text().rpartition(")")[2].split()[0] for each in tasks} == {state}


class TestRequests:
    """Each kind of request, beside a busy worker."""

    def test_a_body_with_a_length(self, kept: Held) -> None:
        with kept.client() as client:
            client.request("POST", "/once/length", body=b"x" * 1000)
            answer = Answer(client.response())
            assert (answer.pid, answer["size"]) == (kept.sibling, 1000)

    def test_a_body_that_comes_later(self, kept: Held) -> None:
        with kept.client() as client:
            client.request("POST", "/once/later", "Content-Length: 6")
            client.send(b"abc")
            # Another request goes all the way meanwhile: what is not complete goes nowhere.
            with kept.client() as another:
                assert ask(another).pid == kept.sibling
            client.send(b"def")
            answer = Answer(client.response())
            assert answer.pid == kept.sibling
            assert answer["digest"] == hashlib.sha256(b"abcdef").hexdigest()

    def test_a_chunked_body(self, kept: Held) -> None:
        with kept.client() as client:
            client.request("POST", "/once/chunked", "Transfer-Encoding: chunked")
            client.send(b"3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Trailer: 1\r\n\r\n")
            answer = Answer(client.response())
            assert (answer.pid, answer["size"]) == (kept.sibling, 19)
            assert answer["digest"] == hashlib.sha256(b"abc0123456789abcdef").hexdigest()
            assert ask(client, "/once/after-chunks").pid == kept.sibling

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_a_large_body_that_is_in_a_file(self, kept: Held, framing: str) -> None:
        with kept.client() as client:
            if framing == "length":
                client.request("POST", f"/once/large-{framing}", body=LARGE)
            else:
                client.request("POST", f"/once/large-{framing}", "Transfer-Encoding: chunked")
                client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(LARGE), LARGE))
            answer = Answer(client.response())
            assert (answer.pid, answer["size"]) == (kept.sibling, len(LARGE))
            assert answer["digest"] == hashlib.sha256(LARGE).hexdigest()
            # What is behind the body is the next request, and nothing else.
            assert ask(client, f"/once/after-large-{framing}").pid == kept.sibling

    def test_pipelined_requests_in_their_order(self, kept: Held) -> None:
        with kept.client() as client:
            head = "{} /once/pipelined-{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
            gets = [head.format("GET", n, "").encode() for n in range(8)]
            post = head.format("POST", 8, "Content-Length: 4\r\n").encode() + b"body"
            client.send(b"".join([*gets, post, head.format("GET", 9, "").encode()]))
            answers = [Answer(client.response()) for _ in range(10)]
            assert [answer["PATH_INFO"] for answer in answers] == [
                f"/once/pipelined-{n}" for n in range(10)
            ]
            assert [answer["size"] for answer in answers] == [0] * 8 + [4, 0]
            assert {answer.pid for answer in answers} == {kept.sibling}

    def test_a_part_of_the_next_request_goes_with_it(self, kept: Held) -> None:
        with kept.client() as client:
            client.send(b"GET /once/first HTTP/1.1\r\nHost: a\r\n\r\nPOST /once/second HT")
            assert Answer(client.response()).pid == kept.sibling
            client.send(b"TP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
            answer = Answer(client.response())
            assert (answer.pid, answer["PATH_INFO"]) == (kept.sibling, "/once/second")
            assert answer["size"] == 2

    def test_a_bad_request_behind_a_good_one(self, kept: Held) -> None:
        with kept.client() as client:
            client.send(b"GET /once/good HTTP/1.1\r\nHost: a\r\n\r\nBAD\x00\r\n\r\n")
            assert Answer(client.response()).pid == kept.sibling
            assert client.response().status == 400
            assert client.is_closed()

    def test_expect_100_continue(self, kept: Held) -> None:
        """One interim answer, before the body; one final answer."""
        with kept.client() as client:
            client.request("POST", "/once/expect", "Expect: 100-continue", "Content-Length: 5")
            assert client.response().status == 100
            client.send(b"12345")
            answer = Answer(client.response())
            assert (answer.pid, answer["size"]) == (kept.sibling, 5)

    def test_expect_100_continue_with_the_body_at_once(self, kept: Held) -> None:
        with kept.client() as client:
            client.request("POST", "/once/at-once", "Expect: 100-continue", body=b"12345")
            answer = client.response()
            if answer.status == 100:
                answer = client.response()
            assert (Answer(answer).pid, Answer(answer)["size"]) == (kept.sibling, 5)
            assert ask(client, "/once/after-expect").pid == kept.sibling

    def test_head(self, kept: Held) -> None:
        with kept.client() as client:
            client.request("HEAD", "/once/head")
            answer = client.response("HEAD")
            assert (answer.status, answer.get("X-Pid")) == (200, str(kept.sibling))
            assert ask(client, "/once/after-head").pid == kept.sibling

    def test_http_1_0(self, kept: Held) -> None:
        with kept.client() as client:
            client.request("GET", "/once/old", version="1.0")
            answer = Answer(client.response())
            assert (answer.pid, answer["SERVER_PROTOCOL"]) == (kept.sibling, "HTTP/1.0")
            assert client.is_closed()

    def test_the_last_request_of_a_connection(self, kept: Held) -> None:
        with kept.client() as client:
            client.get("/once/last", close=True)
            answer = Answer(client.response())
            assert (answer.pid, answer.response.get("Connection")) == (kept.sibling, "close")
            assert client.is_closed()

    def test_a_client_that_sends_no_more(self, kept: Held) -> None:
        with kept.client() as client:
            client.get("/once/half-closed")
            client.end()
            assert Answer(client.response()).pid == kept.sibling
            assert client.is_closed()


class TestFacts:
    """What is known of a connection goes with it."""

    def test_the_peer(self, kept: Held) -> None:
        with kept.client() as client:
            answer = ask(client, "/once/peer")
            assert answer.pid == kept.sibling
            told = (answer["REMOTE_ADDR"], int(str(answer["REMOTE_PORT"])))
            assert told == client.socket.getsockname()

    @pytest.mark.parametrize("listener", [0, 1])
    def test_the_listener(self, kept: Held, listener: int) -> None:
        with kept.client(listener) as client:
            client.send(b"GET /once/port-%d HTTP/1.0\r\n\r\n" % listener)
            answer = Answer(client.response())
            assert answer.pid == kept.sibling
            assert answer["SERVER_PORT"] == str(client.socket.getpeername()[1])

    def test_trust(self, kept: Held) -> None:
        with kept.client() as client:
            answer = ask(client, "/once/trust", "X-Forwarded-Proto: https", "X-Request-ID: mine")
            assert answer.pid == kept.sibling
            assert (answer["wsgi.url_scheme"], answer["HTTP_X_REQUEST_ID"]) == ("https", "mine")
            assert answer.response.all("X-Request-ID") == ["mine"]

    def test_the_client_of_a_proxy(self, worker: str, tmp_path: Path) -> None:
        """The PROXY header goes with the connection, and so does the trust in its sender."""
        server = Server("dispatch_app", *arguments(worker), "--proxy-protocol", "v1")

        def connect() -> Client:
            client = server.client()
            client.send(b"PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\r\n")
            return client

        one = Held(server, worker, [connect], tmp_path)
        try:
            one.pin(1 + SPARE)
            one.hold()
            with one.client() as client:
                answer = ask(client, "/once/proxied", "X-Forwarded-Proto: https")
            assert answer.pid == one.sibling
            assert (answer["REMOTE_ADDR"], answer["REMOTE_PORT"]) == ("192.0.2.7", "4321")
            assert answer["wsgi.url_scheme"] == "https"
        finally:
            one.close()
            server.finish()

    def test_a_request_id_of_its_own(self, kept: Held) -> None:
        with kept.client() as client:
            answer = ask(client, "/once/id")
            assert answer.pid == kept.sibling
            assert answer.response.all("X-Request-ID") == [answer["HTTP_X_REQUEST_ID"]]
            assert re.fullmatch("[0-9a-f]{32}", str(answer["HTTP_X_REQUEST_ID"]))

    def test_strangers(self, keep: Keep) -> None:
        one = keep("--forwarded-allow-ips", "10.0.0.1", "--request-id")
        one.hold()
        with one.client() as client:
            answer = ask(client, "/", "X-Forwarded-Proto: https", "X-Request-ID: mine")
            assert answer.pid == one.sibling
            assert answer["wsgi.url_scheme"] == "http"
            assert answer["HTTP_X_REQUEST_ID"] != "mine"

    def test_the_access_log(self, keep: Keep, tmp_path: Path) -> None:
        log = tmp_path / "access"
        one = keep("--access-logfile", str(log), "--access-logformat", LOG_FORMAT)
        one.hold()
        with one.client() as client:
            assert ask(client, "/once").pid == one.sibling
        one.close()
        one.server.stop()
        lines = log.read_text(encoding="ascii").splitlines()
        assert [line for line in lines if "/once" in line] == [
            f"<{one.sibling}> 127.0.0.1 GET /once 200"
        ]

    def test_max_requests(self, keep: Keep) -> None:
        """They count where they run."""
        one = keep("--max-requests", "200", count=10)
        one.hold()
        told = re.compile(r"Worker \(pid:(\d+)\) is to be replaced: max_requests")
        for client in [one.client() for _ in range(10)]:
            for _ in range(30):
                answer = ask(client)
                assert answer.pid != one.busy
                if not answer.response.keeps_alive:
                    break
        assert int(one.server.log.wait_for(told).group(1)) == one.sibling

    def test_counts(self, lent: Held) -> None:
        lent.hold()
        gave, took = lent.counts("given"), lent.counts("taken")
        for _ in range(3):
            with lent.client() as client:
                assert ask(client).pid == lent.sibling
                assert ask(client).pid == lent.sibling
        # The second of each came where the first had gone.
        gave[lent.busy] += 3
        took[lent.sibling] += 3
        assert (lent.counts("given"), lent.counts("taken")) == (gave, took)


def test_nothing_is_handed_over_where_nothing_waits(lent: Held) -> None:
    """In a round in which this machine keeps no worker off its processor for a millisecond."""
    for _ in range(50):
        given = lent.counts("given")
        with lent.server.client() as client, lent.server.client() as another:
            for _ in range(8):
                ask(client)
                ask(another)
        if lent.counts("given") == given:
            return
    pytest.fail("in each of 50 rounds something was handed over")


@pytest.mark.patient
def test_a_stuck_worker_is_not_felt(keep: Keep) -> None:
    """No client of its own waits for 20 ms, in a round in which this machine is not busy itself."""
    one = keep(count=80)
    one.hold()
    rounds = []
    for _ in range(10):
        longest = 0.0
        for client in [one.client() for _ in range(8)]:
            began = time.monotonic()
            assert ask(client).pid == one.sibling
            longest = max(longest, time.monotonic() - began)
        if longest < 0.02:
            return
        rounds.append(longest)
    pytest.fail(f"the longest wait of each round: {rounds}")
