"""A worker that stops loses nothing: each client gets its answer, or a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.server import TELLS_READY, open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from e2e.client import Client
    from e2e.server import Serve, Server

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
#: More than a worker takes in at once, even one without siblings.
CROWD = 100


@pytest.mark.parametrize("sockets", [(), ("--reuse-port",)], ids=["shared", "reuse-port"])
@pytest.mark.parametrize("hups", [2, pytest.param(6, marks=pytest.mark.patient)])
def test_hup_after_hup_under_load_loses_no_short_connection(
    args: tuple[str, ...], serve: Serve, sockets: tuple[str, ...], hups: int
) -> None:
    server = serve("site_app", *args, "-w", "2", *sockets, *TELLS_READY)
    # One that TERM meets while it boots does not say that it exits.
    server.ready(2)
    with busy_machine(), Askers(server, 6) as askers:
        for number in range(1, hups + 1):
            server.send(signal.SIGHUP)
            server.log.wait_for(r"Worker exiting \(pid: \d+\)", 2 * number)
    assert askers.failures == []
    assert askers.answers > hups


@pytest.mark.patient
def test_kept_connections_survive_reloads_and_recycling(
    args: tuple[str, ...], serve: Serve
) -> None:
    """No reset, no cut answer, no 5xx; most ends are announced by the answer before."""
    server = serve("site_app", *args, "-w", "2", "--max-requests", "100")
    server.worker_pid(2)
    with Askers(server, 4, kept=True) as askers:
        for number in (1, 2, 3):
            server.send(signal.SIGHUP)
            server.log.wait_for("Autorestarting worker after current request", 3 * number)
    assert askers.failures == []
    assert askers.answers > 9 * 100


def test_connections_in_the_queue_of_the_kernel_are_answered(
    args: tuple[str, ...], serve: Serve
) -> None:
    """The kernel has taken the connections for a worker that learns of them with its TERM."""
    server = serve("site_app", *args)
    assert server.get("/") == (200, b"hello")
    child = server.worker_pid()
    os.kill(child, signal.SIGSTOP)
    with ExitStack() as stack:
        crowd = [stack.enter_context(server.client()) for _ in range(CROWD)]
        for client in crowd:
            client.send(REQUEST)
        server.send(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        os.kill(child, signal.SIGCONT)
        for client in crowd:
            assert client.response().body == b"hello"
        for client in crowd:
            assert ends_cleanly(client)
    assert server.wait() == 0


def test_a_fresh_connection_is_given_its_first_request(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args)
    with idle_client(server) as idle, server.client() as fresh, server.client() as begun:
        begun.send(REQUEST[:20])
        server.send(signal.SIGTERM)
        assert ends_cleanly(idle)
        fresh.get("/")
        begun.send(REQUEST[20:])
        for client in (fresh, begun):
            answer = client.response()
            assert (answer.body, answer.get("Connection")) == (b"hello", "close")
            assert ends_cleanly(client)
    assert server.wait() == 0


def test_the_end_is_announced_to_an_active_connection(args: tuple[str, ...], serve: Serve) -> None:
    """It never meets a closed connection: an answer says `close` before."""
    server = serve("site_app", *args)
    with server.client() as client:
        client.get("/")
        assert client.response().keeps_alive
        server.send(signal.SIGTERM)
        announced = False
        while not announced:
            client.get("/")
            answer = client.response()
            assert answer.body == b"hello"
            announced = answer.get("Connection") == "close"
        assert ends_cleanly(client)
    assert server.wait() == 0


def test_an_idle_connection_ends_without_a_reset(args: tuple[str, ...], serve: Serve) -> None:
    """Also for a client whose next request crosses with the end."""
    server = serve("site_app", *args)
    with idle_client(server) as client:
        server.send(signal.SIGTERM)
        assert ends_cleanly(client)
        client.get("/never-called-after-the-end")
        assert ends_cleanly(client)
    assert server.wait() == 0
    assert not server.log.matching("called /never-called-after-the-end")


def test_pipelined_requests_that_were_read_are_answered(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    server = serve("site_app", *args)
    with server.client() as client, idle_client(server) as idle:
        client.send(REQUEST.replace(b"/", f"/wait?fifo={fifo}".encode(), 1) + REQUEST * 3)
        server.log.wait_for("app: waits")
        server.send(signal.SIGTERM)
        assert ends_cleanly(idle)
        open_gate(fifo)
        answers = [client.response() for _ in range(4)]
        assert [answer.body for answer in answers] == [b"waited", *[b"hello"] * 3]
        assert [answer.keeps_alive for answer in answers] == [True, True, True, False]
        assert ends_cleanly(client)
    assert server.wait() == 0


def test_a_slow_reader_gets_all_of_it(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args)
    with server.client() as client, idle_client(server) as idle:
        client.get("/big?mb=16")
        server.log.wait_for("called /big")
        server.send(signal.SIGTERM)
        assert ends_cleanly(idle)
        assert len(client.response().body) == 16 << 20
    assert server.wait() == 0


def test_what_was_not_begun_is_sent_back(serve: Serve, fifo: str) -> None:
    """The worker has to give up: a request that no application has seen may be repeated."""
    server = serve("site_app", "-k", "sync", "--graceful-timeout", "2")
    with server.client() as begun, server.client() as waiting, server.client() as partial:
        begun.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: waits")
        waiting.get("/never-called-because-of-the-other")
        partial.send(REQUEST[:20])
        server.send(signal.SIGTERM)
        for client in (waiting, partial):
            answer = client.response()
            assert answer.status == 503
            assert (answer.get("Retry-After"), answer.get("Connection")) == ("1", "close")
            assert ends_cleanly(client)
        begun.everything()
    assert server.wait() == 0
    assert not server.log.matching("called /never-called")


def test_what_an_aborted_worker_had_not_begun_is_sent_back(serve: Serve, fifo: str) -> None:
    # Its replacement would take what waits, if it may.
    options = ("-k", "sync", "--timeout", "2", "--dispatch", "off")
    server = serve("site_app", *options, tracebacks=True)
    with server.client() as begun, server.client() as waiting:
        begun.get(f"/hold?fifo={fifo}")
        server.log.wait_for("app: holds the interpreter")
        waiting.get("/never-called-because-of-the-other")
        answer = waiting.response()
        assert (answer.status, answer.get("Retry-After")) == (503, "1")
        assert ends_cleanly(waiting)
        begun.everything()
    server.log.wait_for("WORKER TIMEOUT")
    server.worker_pid(2)
    assert server.get("/") == (200, b"hello")


def test_term_is_obeyed_while_c_code_holds_the_interpreter(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    """The siblings serve at once, and the request is finished."""
    server = serve("site_app", *args)
    with server.client() as holding, idle_client(server) as idle:
        holding.get(f"/hold?fifo={fifo}")
        server.log.wait_for("app: holds the interpreter")
        server.send(signal.SIGHUP)
        assert ends_cleanly(idle)
        for _ in range(10):
            assert server.get("/pid")[1] == str(server.worker_pid(2)).encode()
        Path(fifo).write_bytes(b"x")
        answer = holding.response()
        assert (answer.body, answer.get("Connection")) == (b"held", "close")
        assert ends_cleanly(holding)


def wait_until_it_stands(pid: int) -> None:
    """A signal is sent before it is obeyed: until then each thread goes on, and may accept."""
    tasks = Path(f"/proc/{pid}/task")
    end = time.monotonic() + PATIENCE
    while {
        (each / "stat").read_text().rpartition(")")[2].split()[0] for each in tasks.iterdir()
    } != {"T"}:
        assert time.monotonic() < end, f"process {pid} goes on"


def test_a_worker_that_stands_still_delays_no_client(args: tuple[str, ...], serve: Serve) -> None:
    """The sibling accepts new clients."""
    server = serve("site_app", *args, "-w", "2")
    for child in (server.worker_pid(1), server.worker_pid(2)):
        assert server.get("/") == (200, b"hello")
        os.kill(child, signal.SIGSTOP)
        try:
            wait_until_it_stands(child)
            for _ in range(3):
                assert server.get("/") == (200, b"hello")
        finally:
            os.kill(child, signal.SIGCONT)


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"G\x00T / HTTP/1.1\r\n\r\n"]
)
def test_a_refused_peer_reads_why(site: Server, request_line: bytes) -> None:
    """Whatever it goes on sending: no reset takes the answer away."""
    with site.client() as client:
        client.send(request_line)
        answer = client.response()
        assert answer.status == 400
        client.send(b"x" * 100_000)
        assert ends_cleanly(client)


def test_a_client_that_was_not_told_to_close_may_send_on(
    args: tuple[str, ...], serve: Serve
) -> None:
    server = serve("site_app", *args, "--keep-alive", "0")
    with server.client() as client:
        client.get("/")
        assert client.response().get("Connection") == "close"
        client.send(b"x" * 100_000)
        assert ends_cleanly(client)


@pytest.mark.patient
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_an_idle_server_sleeps(args: tuple[str, ...], serve: Serve) -> None:
    """A few wake-ups a second in each process, all of its threads counted."""
    server = serve("site_app", *args)
    assert server.get("/") == (200, b"hello")
    pids = [server.pid, server.worker_pid()]
    threading.Event().wait(1)  # after a request, the stand-in looks a few times more
    stretches = []
    for _ in range(3):
        begun = time.monotonic()
        before = [wake_ups(pid) for pid in pids]
        threading.Event().wait(3)
        woken = [wake_ups(pid) - start for pid, start in zip(pids, before, strict=True)]
        # It has taken as long as this machine let it.
        if max(woken) <= 3 * (time.monotonic() - begun):
            return
        # On a busy machine, what follows a request may come later.
        stretches.append(woken)
    pytest.fail(f"woken in three stretches: {stretches}")


def wake_ups(pid: int) -> int:
    """How often the threads of a process have waited, so far."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                count += int(line.split()[1])
    return count


def idle_client(server: Server) -> Client:
    """A kept connection. When it ends, its worker has begun to stop, about a second before."""
    client = server.client()
    client.get("/")
    assert client.response().keeps_alive
    return client


def ends_cleanly(client: Client) -> bool:
    """The connection ends next, and not with a reset."""
    return client.socket.recv(65536) == b""


class Askers:
    """Threads that ask for `/` all the time, and remember what went wrong."""

    def __init__(self, server: Server, count: int, *, kept: bool = False) -> None:
        """On a new connection each time; or on kept ones, until the server closes them."""
        self._server = server
        self._stop = threading.Event()
        ask = self._ask_on if kept else self._ask_once
        self._threads = [threading.Thread(target=self._keep, args=(ask,)) for _ in range(count)]
        self.answers = 0
        self.failures: list[str] = []

    def __enter__(self) -> Askers:  # noqa: PYI034 - Self is newer than Python 3.10
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _keep(self, ask: Callable[[], None]) -> None:
        # A pause as short as this loses no crossing, and leaves the processor to the server.
        while not self._stop.wait(0.001):
            try:
                ask()
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))
                return

    def _ask_once(self) -> None:
        assert self._server.get("/") == (200, b"hello")
        self.answers += 1

    def _ask_on(self) -> None:
        with self._server.client() as client:
            goes_on = True
            while goes_on and not self._stop.wait(0.002):
                client.get("/")
                # A request may cross with the end of a connection that was idle for long, on a
                # machine as slow as that: it was not begun, and any client repeats it.
                if not client.socket.recv(1, socket.MSG_PEEK):
                    return
                answer = client.response()
                assert (answer.status, answer.body) == (200, b"hello")
                self.answers += 1
                goes_on = answer.keeps_alive


@contextmanager
def busy_machine() -> Iterator[None]:
    """As many processes as there are processors that keep them busy; they end by themselves.

    Beside other tests the machine is busy without them.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        yield
        return
    code = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    burners = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
