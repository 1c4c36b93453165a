"""What an application goes on with after its answer: threads have their time when the worker ends,
and forked processes disturb no other.
"""

from __future__ import annotations

import signal
import socket
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.server import open_gate, opened

if TYPE_CHECKING:
    from e2e.server import Serve, Server


class TestThreads:
    """Started in a view, and no daemons, as the application did not ask for one."""

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
    def test_the_end_of_a_worker_waits_for_them(
        self, args: tuple[str, ...], serve: Serve, fifo: str, end: signal.Signals
    ) -> None:
        server = serve("background_app", *args)
        assert server.get(f"/?kind=thread&fifo={fifo}") == (200, b"begun")
        server.send(end)
        server.log.wait_for("Worker exiting")
        open_gate(fifo)
        server.log.wait_for("app: exit handler")
        lines = [line for line in server.log.all() if line.startswith("app:")]
        assert lines == ["app: work done", "app: exit handler"]

    def test_those_given_up_are_named(self, args: tuple[str, ...], serve: Serve, fifo: str) -> None:
        server = serve("background_app", *args, "--graceful-timeout", "1")
        assert server.get(f"/?kind=thread&fifo={fifo}") == (200, b"begun")
        assert server.stop() == 0
        server.log.wait_for(r"are given up: background$")
        server.log.wait_for("app: exit handler")
        assert not server.log.matching("SIGKILL")

    def test_a_quick_stop_gives_them_a_moment(
        self, args: tuple[str, ...], serve: Serve, fifo: str
    ) -> None:
        server = serve("background_app", *args)
        assert server.get(f"/?kind=thread&fifo={fifo}") == (200, b"begun")
        assert server.stop(signal.SIGINT) == 0
        server.log.wait_for(r"are given up: background$")
        assert not server.log.matching("SIGKILL")


FORKS = ("fork", "process", "program")


@pytest.mark.parametrize("kind", FORKS)
class TestForks:
    """A child has copies of all descriptors, and shares what they stand for."""

    def test_its_client_and_the_next_ones_are_served_at_once(
        self, args: tuple[str, ...], serve: Serve, fifo: str, kind: str
    ) -> None:
        """The connection ends while the child lives on; the listeners stay with the worker."""
        server = serve("background_app", *args)
        assert server.get(f"/?kind={kind}&fifo={fifo}") == (200, b"begun")
        with server.client() as kept:
            for _ in range(3):
                kept.get("/")
                assert kept.response().body == b"begun"
                assert server.get("/") == (200, b"begun")
        open_gate(fifo)

    def test_its_client_sees_the_end_while_the_child_lives(
        self, args: tuple[str, ...], serve: Serve, fifo: str, kind: str
    ) -> None:
        """Also with a copy of the client's descriptor in the child."""
        server = serve("background_app", *args)
        with server.client() as client:
            client.get(f"/?kind={kind}&fifo={fifo}", close=True)
            assert client.response().body == b"begun"
            assert client.is_closed()
        open_gate(fifo)

    def test_the_worker_can_be_ended(
        self, args: tuple[str, ...], serve: Serve, fifo: str, kind: str
    ) -> None:
        """And its address is free for others, whatever the child does."""
        server = serve("background_app", *args)
        assert server.get(f"/?kind={kind}&fifo={fifo}") == (200, b"begun")
        port = server.port
        with opened(fifo) if kind == "program" else nullcontext():
            assert server.stop() == 0
        assert not server.log.matching("SIGKILL")
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="needs /proc")
def test_a_child_whose_loop_goes_on_leaves_the_listener_to_the_worker(
    args: tuple[str, ...], serve: Serve
) -> None:
    """The kernel has one set of descriptors for both: what the child takes out of it is gone."""
    server = serve("background_app", *args)
    assert server.get("/") == (200, b"begun")
    before = watchers_of_the_listener(server)
    assert server.get("/?kind=sleeping&fifo=-") == (200, b"begun")
    # Each client is an event for both, if both watch.
    while not server.log.matching("app: the child has slept"):
        assert server.get("/") == (200, b"begun")
        time.sleep(0.02)
    assert watchers_of_the_listener(server) == before != []


def watchers_of_the_listener(server: Server) -> list[str]:
    """The epoll descriptors of the worker that watch the server's address."""
    inode = listening_inode(server.port)
    found = []
    for each in Path(f"/proc/{server.worker_pid()}/fdinfo").iterdir():
        # The connection of the request before may be closed meanwhile.
        with suppress(FileNotFoundError):
            lines = each.read_text(encoding="ascii").splitlines()
            watched = (line for line in lines if line.startswith("tfd:"))
            found.extend(each.name for line in watched if f" ino:{inode:x} " in line)
    return sorted(found)


def listening_inode(port: int) -> int:
    """What the kernel calls the socket that listens there (proc_net_tcp(5))."""
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
            return int(fields[9])
    raise AssertionError(f"nothing listens at port {port}")


def test_a_signal_to_a_child_is_not_the_workers(
    args: tuple[str, ...], serve: Serve, fifo: str
) -> None:
    """`Process.terminate` ends it, and nothing else."""
    server = serve("background_app", *args)
    status, body = server.get(f"/?kind=terminated&fifo={fifo}")
    assert (status, body) == (200, b"ended by 15")
    for _ in range(3):
        assert server.get("/") == (200, b"begun")
    assert not server.log.matching("Worker exiting")


def test_the_first_child_may_end_before_its_parent_goes_on(
    args: tuple[str, ...], serve: Serve
) -> None:
    """On a busy machine it does, and its end must not be missed."""
    server = serve("background_app", *args)
    assert server.get("/?kind=quick&fifo=-") == (200, b"ended with 3")
