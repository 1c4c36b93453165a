"""The end of a worker that has idle WebSockets, event streams and requests in hand."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from asgi.kind import APPS, FORGOTTEN, arguments, environment
from asgi.test_websocket import UPGRADE, frame, unframed
from e2e import secure, transport
from e2e.client import Client, CutShortError
from faults.processes import eventually, opens
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

    from asgi.conftest import Start
    from e2e.server import Serve, Server


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Connections that are closed when the test ends."""
    with ExitStack() as stack:
        yield stack


def idle(server: Server, word: str, opened: ExitStack) -> ClientConnection:
    """A WebSocket that says nothing."""
    url, context = f"ws://127.0.0.1:{server.port}/ws?{word}", None
    if transport.TLS:
        url, context = url.replace("ws:", "wss:"), secure.shared().context()
    connection = opened.enter_context(connect(url, close_timeout=PATIENCE, ssl=context))
    assert connection.recv(PATIENCE) == "accepted"
    return connection


def close_code(connection: ClientConnection) -> int:
    """The code of the close frame that comes."""
    with pytest.raises(ConnectionClosed) as caught:
        connection.recv(PATIENCE)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def test_websockets_are_closed_with_1001(start: Start, opened: ExitStack) -> None:
    """Long before `graceful_timeout` is over, and after them the lifespan ends."""
    server = start("operations_app", "--graceful-timeout", str(int(PATIENCE)))
    one, two = idle(server, "one", opened), idle(server, "two", opened)
    server.send(signal.SIGTERM)
    assert (close_code(one), close_code(two)) == (1001, 1001)
    assert server.wait() == 0
    assert sorted(server.log.matching("TOLD")) == [
        "TOLD one websocket.disconnect 1001",
        "TOLD two websocket.disconnect 1001",
    ]


def test_a_reload_closes_them_with_1012(start: Start, opened: ExitStack) -> None:
    server = start("operations_app", "--graceful-timeout", str(int(PATIENCE)))
    first = server.worker_pid()
    one = idle(server, "one", opened)
    server.send(signal.SIGHUP)
    assert close_code(one) == 1012
    server.log.wait_for("TOLD one websocket.disconnect 1012")
    server.gone(first)
    with server.client() as client:
        client.get("/")
        assert int(client.response().body) == server.worker_pid(2)


def test_event_streams_end(start: Start) -> None:
    """They are told at once: their clients come again by themselves."""
    server = start("operations_app", "--graceful-timeout", str(int(PATIENCE)))
    with server.client() as client:
        client.get("/events?one")
        read_until(client, b"data: 1\n\n")
        server.send(signal.SIGTERM)
        server.log.wait_for("TOLD one http.disconnect")
        client.everything()
    assert server.wait() == 0


def test_a_stream_that_does_not_listen_is_cancelled(start: Start) -> None:
    """When `graceful_timeout` is over."""
    server = start("operations_app", "--graceful-timeout", "1")
    with server.client() as client:
        client.get("/deaf-events?one")
        read_until(client, b"data: 1\n\n")
        server.send(signal.SIGTERM)
        with pytest.raises(CutShortError):
            client.response()
    assert server.wait() == 0
    assert server.log.matching("TOLD one cancelled")


def test_requests_in_hand_are_answered(start: Start) -> None:
    server = start("operations_app", "--graceful-timeout", str(int(PATIENCE)))
    with server.client() as client, server.client() as opener:
        opener.get("/")
        assert opener.response().status == 200
        client.get("/wait?one")
        server.log.wait_for("TOLD one waits")
        # What was sent before the signal is answered.
        opener.get("/open?one")
        server.send(signal.SIGTERM)
        assert client.response().body == b"waited"
    assert server.wait() == 0


def test_no_task_is_left(start: Start, opened: ExitStack) -> None:
    """In debug mode, and with warnings as errors: the log has no word of what was forgotten."""
    debug = {"PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "error"}
    server = start("operations_app", "--graceful-timeout", "1", environment=debug)
    with server.client() as waits, server.client() as streams, server.client() as left:
        waits.get("/wait?one")
        streams.get("/events?two")
        left.get("/wait?three")
        for word in ("one", "three"):
            server.log.wait_for(f"TOLD {word} waits")
        read_until(streams, b"data: 1\n\n")
        left.socket.close()
        websocket = idle(server, "four", opened)
        server.send(signal.SIGTERM)
        assert close_code(websocket) == 1001
        assert server.wait() == 0
    lines = server.log.rest()
    assert server.log.matching(rf"{FORGOTTEN}|Warning|Traceback") == [], lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_a_quick_stop_waits_for_nothing(
    start: Start, opened: ExitStack, number: signal.Signals
) -> None:
    server = start("operations_app", "--graceful-timeout", str(int(PATIENCE)))
    websocket = idle(server, "one", opened)
    with server.client() as client:
        client.get("/wait?two")
        server.log.wait_for("TOLD two waits")
        server.send(number)
        server.wait()
    with pytest.raises(ConnectionClosed):
        websocket.recv(PATIENCE)
    assert server.log.matching("Traceback") == []


@pytest.mark.parametrize("step", ["first", "later"])
def test_a_blocked_loop_is_interrupted(serve: Serve, fifo: str, loop: str, step: str) -> None:
    """A second after QUIT; the application ends as ever, and its client has an answer."""
    server = serve(
        "operations_app",
        *arguments(loop),
        cwd=APPS,
        environment={**environment(loop), "FIFO": fifo},
        tracebacks=True,
    )
    pid = server.worker_pid()
    with server.client() as client:
        client.get(f"/block?{step}")
        server.log.wait_for(f"TOLD {step} blocks")
        # A signal that comes just before the system call would not end it.
        eventually(lambda: opens(pid), "it blocks")
        # Not by the master, which would send KILL a second later.
        os.kill(pid, signal.SIGQUIT)
        assert client.response().status == 500
    server.gone(pid)
    # The next worker.
    server.worker_pid(2)
    assert server.stop() == 0
    server.log.rest()
    assert server.log.matching("The event loop is blocked")
    assert server.log.matching(f"TOLD {step} Interrupted")
    assert server.log.matching("SIGKILL|Exception in worker process|exited with code") == []


ENDING = """
import os, signal
from licorne.workers.gasgi import ASGIWorker

class Ending(ASGIWorker):
    def mark_ready(self):
        super().mark_ready()
        os.kill(os.getpid(), signal.SIGTERM)

worker_class = Ending
"""


def test_a_stop_before_the_first_turn(serve: Serve, tmp_path: Path, loop: str) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text(ENDING, encoding="ascii")
    chosen = arguments(loop)
    more = [word for word in chosen if word not in {"-k", "asgi"}]
    server = serve(
        "operations_app", *more, "-c", str(conf), cwd=APPS, environment=environment(loop)
    )
    server.log.wait_for("Worker exiting")
    server.stop()
    assert not server.log.matching("Exception in worker process|exited with code")


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """As many descriptors as are needed, here and in what is started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.patient
def test_many_idle_connections(start: Start) -> None:
    """1,000 WebSockets get a close frame each, 100 event streams end within the time."""
    with descriptors(4096), ExitStack() as stack:
        server = start("operations_app", "--worker-connections", "2000", "--graceful-timeout", "5")
        sockets = [stack.enter_context(server.client()) for _ in range(1000)]
        for number, client in enumerate(sockets):
            client.get(f"/ws?w{number}", *UPGRADE)
        for client in sockets:
            assert client.response().status == 101
            assert unframed(client) == (0x81, b"accepted")
        streams = [stack.enter_context(server.client()) for _ in range(100)]
        for number, client in enumerate(streams):
            client.get(f"/events?s{number}")
        for client in streams:
            read_until(client, b"data: 1\n\n")
        os.kill(server.pid, signal.SIGTERM)
        for client in sockets:
            opcode, payload = unframed(client)
            assert (opcode, payload[:2]) == (0x88, b"\x03\xe9")
            client.send(frame(8, payload))
        for client in streams:
            client.everything()
        assert server.wait() == 0
    assert len(server.log.matching("TOLD w.* websocket.disconnect 1001")) == 1000
    assert len(server.log.matching("TOLD s.* (http.disconnect|cancelled)")) == 100


def read_until(client: Client, end: bytes) -> bytes:
    """What comes, up to these bytes."""
    seen = b""
    while end not in seen:
        more = client.some()
        assert more, seen
        seen += more
    return seen


STOPPED_AT_ONCE = """
import os
import signal

from licorne.workers.gasgi import ASGIWorker


class Worker(ASGIWorker):
    def notify(self):
        super().notify()
        os.kill(os.getpid(), signal.SIGTERM)


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("TOLD shutdown", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_stop_before_the_loop_turns(serve: Serve, tmp_path: Path, loop: str) -> None:
    """TERM comes when the application has started and no turn has been: the lifespan ends, too."""
    (tmp_path / "at_once.py").write_text(STOPPED_AT_ONCE)
    server = serve("at_once:app", "-k", "at_once.Worker", "--asgi-loop", loop, cwd=tmp_path)
    first = server.worker_pid()
    server.gone(first)
    server.output.wait_for("TOLD shutdown")
    assert server.stop() == 0
    assert server.log.matching("exited with code|Traceback") == []
