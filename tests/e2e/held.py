"""Servers one of whose two workers is kept by the application, and clients that belong to it."""

from __future__ import annotations

import json
import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

from e2e.client import Client
from e2e.conftest import WORKERS
from e2e.server import APPS, LISTENING, Server
from faults.processes import eventually
from licorne.ctl.client import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from e2e.client import Response

PORTS = re.compile(r"http://127\.0\.0\.1:(\d+)")
#: Requests that keep a worker, if not one.
THREADS = {"gthread": 2}
#: Clients that hold it, or that have failed to.
SPARE = 6
#: What opens the place of a worker: one socket, or as systemd hands it over.
KINDS = ("tcp", "unix", "abstract", "reuse_port", "inherited")


class Answer:
    """What apps/dispatch_app.py has told of one request."""

    def __init__(self, response: Response) -> None:
        assert response.status == 200, response
        self.response = response
        self.told: dict[str, object] = json.loads(response.body)
        self.pid = cast("int", self.told["pid"])

    def __getitem__(self, key: str) -> object:
        return self.told[key]


def ask(client: Client, path: str = "/", *fields: str) -> Answer:
    """One GET."""
    client.get(path, *fields)
    return Answer(client.response())


class Holding:
    """A request that keeps a thread."""

    def __init__(self, gate: Path, client: Client, pid: int) -> None:
        self.pid = pid
        self._gate = gate
        self._client = client

    def release(self) -> None:
        """Open its gate, and wait for the answer."""
        # Without waiting for the other end: it may be on its way there.
        opened = os.open(self._gate, os.O_RDWR | os.O_CREAT)
        assert Answer(self._client.response()).pid == self.pid
        os.close(opened)


class Held:
    """A server with two workers; `busy` is the one whose threads are to be kept, and are."""

    def __init__(
        self, server: Server, worker: str, connect: list[Callable[[], Client]], folder: Path
    ) -> None:
        """`connect`: how to reach each of its listeners; gates are made in the folder."""
        self.server = server
        self.threads = THREADS.get(worker, 1)
        self.busy = self.sibling = self._pinned = 0
        self._connect = connect
        self._stack = ExitStack()
        #: Clients by their worker and listener.
        self._clients: dict[tuple[int, int], list[Client]] = {}
        self._folder = folder
        self._gates = 0
        self._holding: list[Holding] = []
        eventually(lambda: self._states() == ["serving"] * 2, "two workers serve")

    def pin(self, count: int) -> None:
        """Open connections until one worker has so many of each listener, SPARE to hold it."""
        self._pinned = count
        for place, connect in enumerate(self._connect):
            while not self._has(count, place):
                client = self._stack.enter_context(connect())
                self._clients.setdefault((ask(client).pid, place), []).append(client)

    def _has(self, count: int, place: int) -> bool:
        for pid in [self.busy] if self.busy else self.pids():
            if len(self._clients.get((pid, place), ())) >= count:
                self.busy = pid
                (self.sibling,) = set(self.pids()) - {pid}
                return True
        return False

    def hold(self, path: str = "/hold") -> None:
        """Keep all threads of the busy worker, the last one by this path: beside code that
        computes, another thread would seldom take a request before a sibling does."""
        kept = 0
        while kept < self.threads:
            if len(self._clients[self.busy, 0]) <= self._pinned - SPARE:
                # Other workers were faster each time: from the beginning, with other clients. The
                # rest are the test's.
                self.release(self.busy)
                self.pin(self._pinned)
                kept = 0
            self._hold(path if kept == self.threads - 1 else "/hold")
            if self._holding[-1].pid == self.busy:
                kept += 1
            else:
                # Its free thread took so long to wake up that another worker was faster.
                self.release(self._holding[-1].pid)

    def hold_sibling(self) -> None:
        """Keep all threads of the other one as well, by requests that the busy one hands over."""
        for _ in range(self.threads):
            self._hold("/hold")
            assert self._holding[-1].pid == self.sibling

    def _hold(self, path: str) -> None:
        self._gates += 1
        gate = self._folder / f"gate-{self._gates}"
        if path == "/hold":
            os.mkfifo(gate)
        client = self.client()
        client.get(f"{path}?gate={gate}")
        told = self.server.log.wait_for(r"app: (\d+) is held", self._gates)
        self._holding.append(Holding(gate, client, int(told.group(1))))

    def release(self, pid: int) -> None:
        """Let go what a worker was held by."""
        for holding in [each for each in self._holding if each.pid == pid]:
            self._holding.remove(holding)
            holding.release()

    def client(self, listener: int = 0) -> Client:
        """A connection that the busy worker has accepted."""
        return self._clients[self.busy, listener].pop()

    def forget(self, pid: int) -> None:
        """What held a worker went with it."""
        self._holding = [each for each in self._holding if each.pid != pid]

    def pids(self) -> list[int]:
        """Both workers."""
        return [self.server.worker_pid(1), self.server.worker_pid(2)]

    def rows(self) -> dict[int, dict[str, object]]:
        """What `licornectl workers` says, by process id."""
        with ControlClient(self.server.control_socket()) as control:
            data = control.ask("workers")
        assert isinstance(data, dict)
        rows = cast("list[dict[str, object]]", data["workers"])
        return {cast("int", row["pid"]): row for row in rows}

    def counts(self, name: str) -> dict[int, int]:
        """A count of each worker."""
        return {pid: cast("int", row[name]) for pid, row in self.rows().items()}

    def waiting(self) -> int:
        """How many requests were read and not begun."""
        rows = [cast("list[dict[str, object]]", row["in_flight"]) for row in self.rows().values()]
        return sum(request["waiting"] is True for row in rows for request in row)

    def release_all(self) -> None:
        """Let go both workers."""
        for pid in (self.busy, self.sibling):
            self.release(pid)

    def close(self) -> None:
        """Leave it in peace."""
        self.release_all()
        self._stack.close()

    def _states(self) -> list[object]:
        return [row["state"] for row in self.rows().values()]


def listening(
    kind: str, worker: str, folder: str, *more: str
) -> tuple[Server, list[Callable[[], Client]]]:
    """A server with two workers that listens in one of `KINDS` of ways."""
    program: tuple[str, ...] = ("-m", "licorne")
    options = [*arguments(worker), *more]
    bind: tuple[str, ...] = ("127.0.0.1:0",)
    address = ""
    if kind == "unix":
        address = f"{folder}/x.sock"
        bind = (f"unix:{address}",)
    elif kind == "abstract":
        address = f"\0licorne-e2e-{os.getpid()}-{worker}"
        bind = (f"unix:@{address[1:]}",)
    elif kind == "reuse_port":
        options.append("--reuse-port")
    elif kind == "inherited":
        program, bind = (str(APPS / "activate.py"), "1"), ()
    server = Server("dispatch_app", *options, bind=bind, program=program)
    if address:
        return server, [lambda: Client.unix(address)]
    return server, [server.client]


def arguments(worker: str) -> tuple[str, ...]:
    """Two workers of a type. What keeps one of them keeps it longer than `timeout`, and clients
    that a test has not come to yet are idle for longer than they may be otherwise."""
    threads = ("--threads", str(THREADS[worker])) if worker in THREADS else ()
    return (*WORKERS[worker], *threads, "-w", "2", "--timeout", "0", "--keep-alive", "1000")


def ports(server: Server) -> list[int]:
    """The ports of all TCP listeners."""
    server.log.wait_for(LISTENING)
    (line,) = server.log.matching(LISTENING)
    return [int(port) for port in PORTS.findall(line)]


def held(
    server: Server, worker: str, connect: list[Callable[[], Client]], folder: Path, count: int
) -> Iterator[Held]:
    """With `count` clients of the busy worker for each listener; it is held, and let go at last."""
    made = Held(server, worker, connect, folder)
    try:
        made.pin(count + SPARE)
        made.hold()
        yield made
        made.close()
    finally:
        server.finish()
