"""How long a connection lives, and what order answers have (RFC 9112, 9)."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest

from e2e import transport
from e2e.client import Client
from e2e.server import TELLS_READY, open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.server import Serve, Server


def test_two_requests_on_one_connection(site: Server) -> None:
    with site.client() as client:
        for _ in range(2):
            client.get("/")
            answer = client.response()
            assert (answer.status, answer.body, answer.keeps_alive) == (200, b"hello", True)


def test_sixteen_pipelined_requests_are_answered_in_order(site: Server) -> None:
    requests = b"".join(b"GET /n%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n for n in range(16))
    with site.client() as client:
        client.send(requests)
        for n in range(16):
            assert f'"/n{n}"'.encode() in client.response().body
        client.get("/")
        assert client.response().body == b"hello"


def test_pipelined_bodies_do_not_run_into_each_other(site: Server) -> None:
    with site.client() as client:
        for n in range(4):
            client.request("POST", "/read", body=b"body %d" % n)
        for n in range(4):
            assert f'"body {n}"'.encode() in client.response().body


def test_a_request_that_arrives_byte_by_byte(site: Server) -> None:
    request = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
    with site.client() as client:
        for n in range(len(request)):
            client.send(request[n : n + 1])
        assert b'"body"' in client.response().body


def test_http_1_0_closes(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/", version="1.0")
        answer = client.response()
        assert (answer.status, answer.body, answer.keeps_alive) == (200, b"hello", False)
        assert client.is_closed()


def test_http_1_0_keeps_alive_when_asked(site: Server) -> None:
    with site.client() as client:
        for _ in range(2):
            client.request("GET", "/", "Connection: Keep-Alive", version="1.0")
            answer = client.response()
            assert (answer.body, answer.keeps_alive) == (b"hello", True)


def test_http_1_0_without_length_ends_with_the_connection(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/blocks?as=generator", "Connection: keep-alive", version="1.0")
        answer = client.response()
        assert (answer.body, answer.keeps_alive) == (b"one,two,three", False)
        assert answer.get("Transfer-Encoding") is None
        assert client.is_closed()


@pytest.mark.parametrize(
    "fields",
    [
        ["Connection: close"],
        ["Connection: CLOSE"],
        ["Connection: foo, close"],
        ["Connection: close ,foo"],
        ["Connection: foo", "Connection: close"],
    ],
)
def test_close_is_understood_wherever_it_stands(site: Server, fields: list[str]) -> None:
    with site.client() as client:
        client.get("/", *fields)
        answer = client.response()
        assert (answer.body, answer.get("Connection")) == (b"hello", "close")
        assert client.is_closed()


def test_nothing_after_a_closing_request_is_answered(site: Server) -> None:
    with site.client() as client:
        client.get("/", close=True)
        client.get("/never-called-after-close")
        client.response()
        assert client.is_closed()
    assert not site.log.matching("called /never-called-after-close")


def test_keep_alive_zero_closes(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--keep-alive", "0")
    with server.client() as client:
        client.get("/")
        answer = client.response()
        # HTTP/2 says it in a frame behind the answer.
        assert transport.HTTP_2 or answer.get("Connection") == "close"
        assert client.is_closed()


def test_an_idle_connection_is_closed_after_the_keep_alive_time(
    args: tuple[str, ...], serve: Serve
) -> None:
    server = serve("site_app", *args, "--keep-alive", "1")
    with server.client() as client:
        client.get("/")
        assert client.response().keeps_alive
        assert client.socket.recv(1) == b""
        client.get("/that-crosses-with-the-end")
        assert client.socket.recv(1) == b"", "the end, and no reset"


def test_idle_connections_cost_no_worker(site: Server) -> None:
    idle = [site.client() for _ in range(50)]
    for client in idle:
        client.get("/")
        client.response()
    silent = [site.client() for _ in range(50)]
    assert site.get("/") == (200, b"hello")
    idle[0].get("/")
    assert idle[0].response().body == b"hello"
    for client in idle + silent:
        client.socket.close()


def test_at_the_limit_no_connection_is_closed_before_another_waits(
    args: tuple[str, ...], serve: Serve
) -> None:
    limit = 4
    server = serve("site_app", *args, "--worker-connections", str(limit))
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(limit)]
        for client in [*clients, *clients]:
            client.get("/")
            assert client.response().body == b"hello"
        # Now one does, and the one that has been idle for longest makes room.
        late = stack.enter_context(server.client())
        late.get("/")
        assert late.response().body == b"hello"
        assert clients[0].is_closed()


def test_a_client_that_has_stopped_sending_still_gets_its_answer(site: Server) -> None:
    with site.client() as client:
        client.get("/")
        client.end()
        assert client.response().body == b"hello"
        assert client.is_closed()


def test_one_empty_line_before_a_request_is_no_harm(site: Server) -> None:
    with site.client() as client:
        client.send(b"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.response().body == b"hello"


def test_version_of_the_answer_is_1_1(site: Server) -> None:
    with site.client() as client:
        client.get("/")
        assert client.response().version == "HTTP/1.1"


def test_a_unix_socket(args: tuple[str, ...], serve: Serve, short_tmp: str) -> None:
    path = f"{short_tmp}/http.sock"
    server = serve("site_app", *args, bind=(f"unix:{path}",))
    server.log.wait_for(rf"Listening at: unix:{path} \({server.pid}\)")
    with Client.unix(path) as client:
        client.get("/environ", "X-Forwarded-Proto: https")
        answer = client.response().body
    assert b'"SERVER_NAME": "localhost"' in answer
    assert b'"wsgi.url_scheme": "https"' in answer  # peers on unix sockets are trusted


def test_several_addresses(args: tuple[str, ...], serve: Serve, short_tmp: str) -> None:
    path = f"{short_tmp}/second.sock"
    server = serve("site_app", *args, bind=("127.0.0.1:0", f"unix:{path}"))
    assert server.get("/") == (200, b"hello")
    with Client.unix(path) as client:
        client.get("/")
        assert client.response().body == b"hello"


def test_a_busy_worker_leaves_new_clients_to_its_sibling(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    server = serve("site_app", *args, "--threads", "1", "-w", "2")
    server.worker_pid(2)
    with server.client() as client:
        client.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        for _ in range(30):
            assert server.get("/") == (200, b"hello")
        open_gate(fifo)
        assert client.response().body == b"waited"


SLOW = """
import os, time

def app(environ, start_response):
    # Not asleep: a loop that runs greenlets would not be busy meanwhile.
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass
    start_response("200 OK", [])
    return [b"%d" % os.getpid()]
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Insatiable:
    """A client with twenty requests under way all the time."""

    def __init__(self, server: Server) -> None:
        self._client = server.client()
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._enough = Event()
        self._thread = Thread(target=self._ask)
        self._thread.start()

    def answer(self) -> bytes:
        """The next one."""
        return self._answers.get(timeout=PATIENCE)

    def stop(self) -> None:
        """Ask no more."""
        self._enough.set()
        self._thread.join()
        self._client.socket.close()

    def _ask(self) -> None:
        self._client.send(REQUEST * 20)
        while not self._enough.is_set():
            self._answers.put(self._client.response().body)
            self._client.send(REQUEST)


def test_new_clients_are_served_beside_clients_that_never_pause(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """Both workers are busy without a pause: new clients are served among the others."""
    (tmp_path / "slow.py").write_text(SLOW, encoding="ascii")
    options = (*args, "--threads", "1", "-w", "2", *TELLS_READY)
    server = serve("slow:app", *options, cwd=tmp_path)
    server.ready(2)
    workers = {b"%d" % server.worker_pid(number) for number in (1, 2)}
    with ExitStack() as stack:
        asking: dict[bytes, Insatiable] = {}
        for _ in range(40):
            client = Insatiable(server)
            stack.callback(client.stop)
            asking[client.answer()] = client
            if len(asking) == len(workers):
                break
        assert set(asking) == workers
        for client in asking.values():
            assert {client.answer() for _ in range(50)} <= workers
        for _ in range(5):
            assert server.get("/")[1] in workers


MEETS_ANOTHER = """
import _socket, sys, time

served = 0
others = []

def app(environ, start_response):
    global served
    served += 1
    if environ["PATH_INFO"] == "/first":
        # Of the C module, which no worker type replaces: nothing else runs meanwhile.
        other = _socket.socket()
        other.connect(("127.0.0.1", int(environ["SERVER_PORT"])))
        other.send(b"GET /other HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        others.append(other)
    if environ["PATH_INFO"] == "/other":
        sys.stderr.write(f"app: the other is number {served}\\n")
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:
        pass
    start_response("200 OK", [])
    return []
"""


def test_pipelined_requests_take_turns_with_those_of_a_new_client(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """It comes while the first of them runs, and need not wait for the last."""
    (tmp_path / "meets.py").write_text(MEETS_ANOTHER, encoding="ascii")
    server = serve("meets:app", *args, "--threads", "1", cwd=tmp_path)
    with server.client() as client:
        client.send(REQUEST.replace(b"/", b"/first", 1) + REQUEST * 39)
        for _ in range(40):
            assert client.response().status == 200
    assert int(server.log.wait_for(r"app: the other is number (\d+)")[1]) < 10


def test_the_application_can_take_the_connection_over(site: Server) -> None:
    with site.client() as client:
        client.get("/take-over", "Connection: Upgrade", "Upgrade: shout")
        switched = client.response()
        assert (switched.status, switched.get("Upgrade")) == (101, "shout")
        client.send(b"are you there")
        assert client.everything() == b"ARE YOU THERE"
    assert site.get("/") == (200, b"hello")


def test_a_duplicate_of_a_socket_that_was_taken_over(serve: Serve, args: tuple[str, ...]) -> None:
    """It begins with what came together with the request."""
    server = serve("taking_app", *args)
    with server.client() as client:
        client.send(b"GET /duplicate HTTP/1.1\r\nHost: localhost\r\n\r\nagain")
        assert client.response().body == b"AGAIN"
    assert server.get("/") == (200, b"hello")


def test_what_a_client_has_not_read_comes_before_what_the_application_says(
    serve: Serve, args: tuple[str, ...], short_tmp: str
) -> None:
    """The connection is taken over while the answer before it is on its way."""
    place = f"{short_tmp}/s"
    server = serve("taking_app", *args, bind=(f"unix:{place}",))
    server.log.wait_for("Booting worker")
    with Client.unix(place) as client:
        client.get("/unread")
        client.send(b"GET /duplicate HTTP/1.1\r\nHost: localhost\r\n\r\nagain")
        server.log.wait_for("app: takes it over")
        unread = Path("/proc/sys/net/core/wmem_default").read_text(encoding="ascii")
        assert len(client.response().body) == int(unread) + (128 << 10)
        assert client.response().body == b"AGAIN"
