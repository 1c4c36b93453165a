"""Connections that are handed from worker to worker by the thousand, while things happen to them.

A tenth of the requests keep their worker for 20 ms; what waits behind them goes to the others. Each
answer is checked for its own request, and the application writes each request that it begins to a
file: once, whatever becomes of the connection.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from faults.ledger import check_named
from faults.load import FRESH, Load
from faults.processes import (
    children,
    descriptors,
    ended,
    eventually,
    open_in_each,
    state,
    zombies,
)
from licorne.ctl.client import ControlClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from e2e.server import Server
    from faults.conftest import Start
    from faults.load import Tally

    Serve = Callable[..., Server]

WORKERS = 3
#: Clients that keep their connections.
KEEPING = 24
#: Hand-overs before a test is content, where it waits for some.
SOME, MANY = 50, 3000
#: Room for so many descriptors in each process.
FEW = 56
LIMITED = f"""
import resource, runpy
resource.setrlimit(resource.RLIMIT_NOFILE, ({FEW}, {FEW}))
runpy.run_module("licorne", run_name="__main__", alter_sys=True)
"""


class Ledger:
    """What the application has begun: the name of each request, and the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def begun(self) -> dict[str, list[int]]:
        """Request → processes that began it."""
        found: dict[str, list[int]] = {}
        for line in self.path.read_text(encoding="ascii").splitlines():
            name, pid = line.split()
            found.setdefault(name, []).append(int(pid))
        return found

    def check(self, tally: Tally, dead: tuple[int, ...] = ()) -> None:
        """Each request that was answered was begun once; what was lost, at the most once, by one of
        the dead."""
        begun = self.begun()
        twice = {name: pids for name, pids in begun.items() if len(pids) > 1}
        assert not twice, f"begun more than once: {twice}"
        lost = {parse_qs(urlsplit(loss["target"]).query)["n"][0] for loss in tally.losses}
        assert len(begun.keys() - lost) == sum(tally.statuses.values())
        elsewhere = {name for name in lost & begun.keys() if begun[name][0] not in dead}
        assert not elsewhere, f"lost, and begun by a worker that lives: {elsewhere}"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty one."""
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def path(short_tmp: str) -> str:
    """Where the server has its control socket."""
    return str(Path(short_tmp) / "x.ctl")


@pytest.fixture
def serve(start: Start, worker: str, ledger: Ledger, path: str) -> Serve:
    """Starts one whose application writes to the ledger."""
    environment = {"FAULT_LEDGER": str(ledger.path)}

    def serving(*args: str, program: Sequence[str] = ("-m", "licorne")) -> Server:
        server = start(
            # With more threads, all of them are seldom busy.
            *(("--threads", "2") if worker == "gthread" else ()),
            *("--control-socket", path, *args),
            workers=WORKERS,
            environment=environment,
            program=program,
        )
        assert server.control_socket() == path
        eventually(
            lambda: [row["state"] for row in rows(path)] == ["serving"] * WORKERS, "all serve"
        )
        return server

    return serving


def rows(path: str) -> list[dict[str, object]]:
    """What the master says of each worker."""
    with ControlClient(path) as control:
        data = control.ask("workers")
    assert isinstance(data, dict)
    return cast("list[dict[str, object]]", data["workers"])


def total(path: str, name: str) -> int:
    """The sum of a count over all workers that live."""
    return sum(cast("int", row[name]) for row in rows(path))


def hand_overs(path: str, number: int) -> None:
    """Wait until there were so many more."""
    before = total(path, "given")
    eventually(lambda: total(path, "given") >= before + number, f"{number} more hand-overs")


@contextmanager
def loaded(server: Server) -> Iterator[Load]:
    """Under a load that has many requests wait; at its end nothing of it is left in the workers."""
    with Load(server.port, keeping=KEEPING, fresh=FRESH, query="&odds=0.1") as load:
        yield load
    print(load.tally)


@contextmanager
def nothing_leaks(server: Server) -> Iterator[None]:
    """The master, and the workers that are there before and after, have open what they had."""
    before = open_in_each(server)
    yield

    def grown() -> dict[int, Counter[str]]:
        living = (server.pid, *children(server.pid))
        more = {pid: Counter(descriptors(pid)) - before[pid] for pid in before if pid in living}
        return {pid: counter for pid, counter in more.items() if counter}

    eventually(lambda: not grown(), f"no descriptor is left: {grown()}")
    eventually(lambda: zombies(server.pid) == [], "every child is reaped")


@pytest.mark.patient
def test_thousands(serve: Serve, ledger: Ledger, path: str) -> None:
    server = serve()
    with nothing_leaks(server), loaded(server) as load:
        for _ in range(MANY // SOME):
            hand_overs(path, SOME)
    load.tally.check_nothing_lost()
    ledger.check(load.tally)
    # A request is handed over once at the most, and what one gives, another takes.
    gave, took = total(path, "given"), total(path, "taken")
    assert gave == took <= sum(load.tally.statuses.values())


def test_killed(serve: Serve, ledger: Ledger, path: str) -> None:
    """What the killed worker had in hand is lost and named. What it had given is not."""
    server = serve()
    dead = []
    with loaded(server) as load:
        for number in range(1, 6):
            hand_overs(path, SOME)
            dead.append(children(server.pid)[0])
            os.kill(dead[-1], signal.SIGKILL)
            server.output.wait_for("worker ready", WORKERS + number)
    assert set(load.tally.statuses) == {200}
    assert set(load.tally.kinds) <= {"reset", "closed", "cut short"}
    check_named(server, load.tally, dead=len(dead))
    ledger.check(load.tally, tuple(dead))


def test_stopped(serve: Serve, ledger: Ledger, path: str) -> None:
    """One of the workers stands still for a while, whatever it was about."""
    server = serve("--timeout", "0")
    with nothing_leaks(server), loaded(server) as load:
        for victim in children(server.pid):
            hand_overs(path, SOME)
            os.kill(victim, signal.SIGSTOP)
            eventually(lambda pid=victim: state(pid) == "T", "stopped")
            # Its clients wait, so there are fewer.
            hand_overs(path, SOME // 5)
            os.kill(victim, signal.SIGCONT)
    load.tally.check_nothing_lost()
    ledger.check(load.tally)


def test_reloaded(serve: Serve, ledger: Ledger, path: str) -> None:
    server = serve()
    with loaded(server) as load:
        for _ in range(3):
            hand_overs(path, SOME)
            before = children(server.pid)
            server.send(signal.SIGHUP)
            for pid in before:
                ended(pid)
    load.tally.check_nothing_lost()
    ledger.check(load.tally)


def test_reloaded_by_a_mold(serve: Serve, ledger: Ledger, path: str) -> None:
    """The workers of a mold are given the same queue."""
    server = serve("--preload")
    with loaded(server) as load:
        for number in range(2):
            hand_overs(path, SOME)
            server.send(signal.SIGHUP)
            server.output.wait_for("worker ready", WORKERS * (number + 2))
        hand_overs(path, SOME)
    load.tally.check_nothing_lost()
    ledger.check(load.tally)


def test_another_master(serve: Serve, ledger: Ledger, path: str) -> None:
    """Two masters have workers at the same addresses; each hands over among its own."""
    server = serve()
    with loaded(server) as load:
        hand_overs(path, SOME)
        before = children(server.pid)
        server.send(signal.SIGUSR2)
        server.output.wait_for("worker ready", 2 * WORKERS)
        (successor,) = [pid for pid in children(server.pid) if pid not in before]
        hand_overs(path, SOME)
        server.send(signal.SIGTERM)
        assert server.wait() == 0
        server.log.wait_for(rf"\[{successor}\] \[INFO\] Master has been promoted\.")
        server.log.wait_for(f"Control socket listening at {path}", 2)
        hand_overs(path, SOME)
    load.tally.check_nothing_lost()
    ledger.check(load.tally)
    os.kill(successor, signal.SIGTERM)
    ended(successor)


def test_more_and_fewer(serve: Serve, ledger: Ledger, path: str) -> None:
    server = serve()
    with loaded(server) as load:
        for _ in range(3):
            for number, count in ((signal.SIGTTOU, WORKERS - 1), (signal.SIGTTIN, WORKERS)):
                hand_overs(path, SOME)
                server.send(number)
                eventually(
                    lambda count=count: len(children(server.pid)) == count, f"{count} workers"
                )
    load.tally.check_nothing_lost()
    ledger.check(load.tally)


def test_no_descriptors(serve: Serve, ledger: Ledger, path: str) -> None:
    """Idle clients keep all that the workers have room for: they make room for what is taken."""
    server = serve(program=("-c", LIMITED))
    with nothing_leaks(server), ExitStack() as stack:
        for _ in range(WORKERS * FEW):
            client = stack.enter_context(server.client())
            client.get("/pid")
            assert client.response().status == 200
        with loaded(server) as load:
            hand_overs(path, SOME)
    load.tally.check_nothing_lost()
    ledger.check(load.tally)


def test_a_stop(serve: Serve, ledger: Ledger, path: str) -> None:
    """What was read is answered, also what is just on its way to another worker."""
    server = serve()
    with loaded(server) as load:
        hand_overs(path, SOME)
        server.send(signal.SIGTERM)
        assert server.wait() == 0
    load.tally.check_stopped(FRESH)
    ledger.check(load.tally)
