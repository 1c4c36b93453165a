"""Workers that die: what they had in hand is lost, and named; others take over."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.scenarios import ONE_AT_A_TIME
from e2e.server import Lines, open_gate
from faults.ledger import being_read, check_named, named
from faults.load import Load
from faults.processes import children, ended, eventually, open_as_at_first, open_at_first, zombies
from licorne.ctl.client import ControlClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.conftest import Start

#: Stops a process when it has read from a socket: a signal that is sent as a system call begins is
#: delivered before the program runs on.
TRACER = ("strace", "-f", "-e", "trace=recvfrom", "-e", "inject=recvfrom:signal=STOP", "-p")
STOPPED = "--- SIGSTOP {"


@contextmanager
def stopped_by_reading(pid: int) -> Iterator[Lines]:
    """Let a process stop after each read from a socket."""
    tracer = subprocess.Popen([*TRACER, str(pid)], stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    lines = Lines(tracer.stderr)
    try:
        lines.wait_for("attach")
        if refused := lines.matching("not permitted"):
            pytest.skip(refused[0])
        yield lines
    finally:
        # Asked to end, it would wait for what it traces, which may have ended already.
        tracer.kill()
        tracer.wait()
        lines.rest()


def stopped_with(trace: Lines, pid: int, read: str) -> None:
    """Wait for the stop after one read: the stand-in reads its waker with the same call."""
    stops = 1
    trace.wait_for(STOPPED, stops)
    while not trace.matching(read):
        stops += 1
        os.kill(pid, signal.SIGCONT)
        trace.wait_for(STOPPED, stops)


def in_flight(control: ControlClient) -> int:
    """How many requests the workers have in hand."""
    status = control.ask("status")
    assert isinstance(status, dict)
    count = status["in_flight"]
    assert isinstance(count, int)
    return count


@pytest.mark.patient
def test_twenty_kills(start: Start) -> None:
    server = start()
    before = open_at_first(server)
    with Load(server.port, query="&seconds=0.005", bodies=False) as load:
        for number in range(1, 21):
            victim = children(server.pid)[0]
            os.kill(victim, signal.SIGKILL)
            server.output.wait_for("worker ready", 2 + number)
    tally = load.tally
    print(tally)
    assert set(tally.statuses) == {200}
    # A connection that the dead worker had taken ends without an answer; nothing else happens.
    assert set(tally.kinds) <= {"reset", "closed", "cut short"}
    check_named(server, tally, dead=20)
    eventually(lambda: len(children(server.pid)) == 2, "two workers")
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")
    open_as_at_first(server, before)


def test_each_request_in_hand_is_named_once(
    start: Start, fifo: str, short_tmp: str, worker: str
) -> None:
    """What waits behind the first request of a worker was in its hands as well."""
    path = str(Path(short_tmp) / "x.ctl")
    server = start("--control-socket", path, workers=1)
    assert server.control_socket() == path
    (first,) = children(server.pid)
    control = ControlClient(path)
    with ExitStack() as stack:
        stack.enter_context(control)
        clients = [stack.enter_context(server.client()) for _ in range(4)]
        for number, client in enumerate(clients):
            client.get(f"/wait?fifo={fifo}&n={number}")
        server.log.wait_for(f"app: {first} waits", 1 if worker in ONE_AT_A_TIME else 4)
        eventually(lambda: in_flight(control) == 4, "all were read")
        os.kill(first, signal.SIGKILL)
        for client in clients:
            assert client.everything() == b""
        peers = ["{}:{}".format(*client.socket.getsockname()) for client in clients]
    server.output.wait_for("worker ready", 2)
    assert named(server) == sorted((f"/wait?fifo={fifo}&n={n}", p) for n, p in enumerate(peers))
    waiting = server.log.matching(r"lost a request: .*, not begun, read \d+\.\d{3} s before")
    assert len(waiting) == (3 if worker in ONE_AT_A_TIME else 0)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_request_without_a_name_yet(start: Start) -> None:
    """Killed with a request's bytes in hand, before it was read: the log names its client."""
    server = start(workers=1)
    (first,) = children(server.pid)
    with server.client() as client:
        client.get("/pid")
        assert client.response().status == 200
        peer = "{}:{}".format(*client.socket.getsockname())
        with stopped_by_reading(first) as trace:
            client.get("/pid?lost")
            stopped_with(trace, first, re.escape('"GET /pid?lost'))
            os.kill(first, signal.SIGKILL)
            # Not a reset: nothing was left that had not been read.
            assert client.socket.recv(1) == b""
    server.output.wait_for("worker ready", 2)
    eventually(lambda: being_read(server) == [peer], "the log names the client")
    # The first one may still have been in the hands of its thread, which had just answered it.
    assert {target for target, _ in named(server)} <= {"/pid"}


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_a_worker_that_leaves_by_itself(start: Start, code: int) -> None:
    """Not even gunicorn's codes for broken code end a server that has served."""
    server = start(workers=1)
    first = children(server.pid)
    with server.client() as client:
        client.get(f"/leave?code={code}")
        assert client.everything() == b""
        peer = "{}:{}".format(*client.socket.getsockname())
    status, body = server.get("/pid")
    assert status == 200
    assert int(body) not in first
    assert named(server) == [(f"/leave?code={code}", peer)]


def test_one_of_two_dies_and_the_other_goes_on(start: Start, fifo: str) -> None:
    server = start()
    with Load(server.port) as load, server.client() as client:
        # The worker that took this one stays, however long the other takes to come back.
        client.get(f"/wait?fifo={fifo}")
        holder = int(server.log.wait_for(r"app: (\d+) waits").group(1))
        for number in range(3):
            victim = next(pid for pid in children(server.pid) if pid != holder)
            os.kill(victim, signal.SIGTERM)
            ended(victim)
            server.output.wait_for("worker ready", 3 + number)
        open_gate(fifo)
        assert client.response().body == b"waited"
    load.tally.check_nothing_lost()


def test_a_client_that_comes_after_the_crash_is_answered_by_the_replacement(start: Start) -> None:
    """The only worker is killed: a client waits for one start of another, and sees no error."""
    server = start(workers=1)
    (first,) = children(server.pid)
    with server.client() as answered:
        answered.get("/pid")
        assert answered.response().status == 200
        os.kill(first, signal.SIGKILL)
        # What it had accepted goes with it: a client that comes from here on waits in the
        # listener's queue.
        ended(first)
    with server.client() as client:
        client.get("/pid", close=True)
        answer = client.response()
    assert answer.status == 200
    assert [first, int(answer.body)] == [server.worker_pid(1), server.worker_pid(2)]
    # It may have died before its note of the answer; what was read had a name by then.
    assert being_read(server) == []
