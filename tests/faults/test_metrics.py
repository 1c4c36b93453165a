"""What the metrics say is what clients saw, whatever happens to the workers meanwhile."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.scrape import AT, Page, ask, client
from e2e.server import BOOTING, open_gate
from faults.load import Load
from faults.processes import children, ended, eventually, session

if TYPE_CHECKING:
    from e2e.server import Server
    from faults.conftest import Start

METRICS = ("--metrics-bind", "127.0.0.1:0")
REQUESTS = "licorne_requests_total"


class Scraper:
    """Scrapes again and again; each counter must be at least what it was the last time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._scrape)
        self.pages = 0
        self.went_back: list[str] = []

    def __enter__(self) -> Scraper:  # noqa: PYI034 - Self is newer than Python 3.10
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _scrape(self) -> None:
        last: dict[str, float] = {}
        while not self._end.wait(0.05):
            now = Page(self._server).counters()
            self.went_back += [name for name in last if now.get(name, 0.0) < last[name]]
            last = now
            self.pages += 1


def compare(server: Server, load: Load) -> None:
    """Every answer is counted; what was lost may have been counted before it was lost."""
    page = Page(server)
    answered = sum(load.tally.statuses.values())
    counted = page.sum(REQUESTS)
    assert answered <= counted <= answered + len(load.tally.losses), str(load.tally)
    assert page.sum(REQUESTS, code="2xx") == counted
    assert page.sum("licorne_request_duration_seconds_count") == counted
    assert page.sum("licorne_request_duration_seconds_bucket", le="+Inf") == counted
    assert page.sum("licorne_queue_time_seconds_count") == counted


@pytest.mark.patient
@pytest.mark.parametrize("options", [(), ("--preload",), ("--reuse-port",)], ids=str)
def test_over_reloads(start: Start, options: tuple[str, ...]) -> None:
    server = start(*METRICS, *options)
    with Load(server.port) as load, Scraper(server) as scraper:
        for number in (1, 2, 3):
            server.send(signal.SIGHUP)
            server.log.wait_for("Reload complete", number)
    assert scraper.pages > 0
    assert scraper.went_back == []
    load.tally.check_nothing_lost()
    compare(server, load)
    eventually(
        lambda: Page(server).sum("licorne_worker_ends_total", cause="reload") == 6,
        "the old workers have gone",
    )
    assert Page(server).sum("licorne_generation") == 4


@pytest.mark.patient
def test_over_kills(start: Start) -> None:
    server = start(*METRICS)
    with Load(server.port, bodies=False) as load, Scraper(server) as scraper:
        for number in range(1, 6):
            os.kill(children(server.pid)[0], signal.SIGKILL)
            server.output.wait_for("worker ready", 2 + number)
    assert scraper.went_back == []
    compare(server, load)
    assert Page(server).sum("licorne_worker_ends_total", cause="SIGKILL") == 5


@pytest.mark.patient
def test_over_max_requests(start: Start) -> None:
    server = start(*METRICS, "--max-requests", "20", "--reload-surge", "2")
    with Load(server.port) as load, Scraper(server) as scraper:
        server.log.wait_for(BOOTING, 12)
    assert scraper.went_back == []
    load.tally.check_nothing_lost()
    compare(server, load)
    assert Page(server).sum("licorne_worker_ends_total", cause="max_requests") >= 8


def test_bytes_of_many_answers(start: Start) -> None:
    """Held back and written together, or not: each byte is counted once."""
    server = start(*METRICS, workers=1)
    request = b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /pid HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with server.client() as one:
        one.send(request * 50 + last)
        received = len(one.everything())
    page = Page(server)
    assert page.sum("licorne_received_bytes_total") == 50 * len(request) + len(last)
    assert page.sum("licorne_sent_bytes_total") == received
    assert page.sum(REQUESTS) == 51


class Prober:
    """Asks one check without a break, each time on a new connection."""

    def __init__(self, server: Server, path: str) -> None:
        self._port = int(server.log.wait_for(AT).group(1))
        self._path = path
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._probe)
        self.statuses: set[int | str] = set()

    def __enter__(self) -> Prober:  # noqa: PYI034 - Self is newer than Python 3.10
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _probe(self) -> None:
        while not self._end.wait(0.005):
            try:
                with Client.tcp(self._port) as one:
                    one.get(self._path)
                    self.statuses.add(one.response().status)
            except (OSError, AssertionError) as error:
                self.statuses.add(repr(error))


def test_a_new_master_answers_when_the_old_one_stops(start: Start, fifo: str) -> None:
    server = start(*METRICS)
    server.send(signal.SIGHUP)
    server.log.wait_for("Reload complete")
    old = children(server.pid)
    with Prober(server, "/readyz") as prober, server.client() as busy:
        busy.get(f"/wait?fifo={fifo}")
        server.log.wait_for("app: .* waits")
        server.send(signal.SIGUSR2)
        server.output.wait_for("worker ready", 6)
        (successor,) = [pid for pid in children(server.pid) if pid not in old]
        # Both live: the old one, which has reloaded once, answers alone.
        assert {Page(server).sum("licorne_generation") for _ in range(20)} == {2.0}
        server.send(signal.SIGTERM)
        server.log.wait_for(AT, 2)
        assert {Page(server).sum("licorne_generation") for _ in range(20)} == {1.0}
        # It waits for its last request, and the new one is asked whether the server is ready.
        assert session(server.pid).count(server.pid) == 1
        open_gate(fifo)
        assert busy.response().status == 200
        assert server.wait() == 0
        server.log.wait_for("Master has been promoted")
    assert prober.statuses == {200}
    os.kill(successor, signal.SIGTERM)
    ended(successor)


def test_a_new_master_that_is_given_up(start: Start, short_tmp: str) -> None:
    path = Path(short_tmp) / "m.sock"
    server = start("--metrics-bind", f"unix:{path}")
    old = children(server.pid)
    server.send(signal.SIGUSR2)
    server.output.wait_for("worker ready", 4)
    (successor,) = [pid for pid in children(server.pid) if pid not in old]
    os.kill(successor, signal.SIGTERM)
    ended(successor)
    server.log.wait_for(rf"The new master \(pid:{successor}\) has ended")
    assert ask(server, "/readyz").status == 200
    server.send(signal.SIGTERM)
    assert server.wait() == 0
    assert not path.exists()


def test_a_killed_master_leaves_the_address_free(start: Start) -> None:
    """Neither workers nor molds hold the socket."""
    server = start(*METRICS, "--preload")
    workers = children(server.pid)
    with client(server):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    port = int(server.log.wait_for(AT).group(1))
    with pytest.raises(ConnectionRefusedError):
        Client.tcp(port)
    for pid in workers:
        ended(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another group")
def test_another_group(start: Start, short_tmp: str) -> None:
    """The file is the workers', like those of `bind`."""
    path = Path(short_tmp) / "m.sock"
    server = start("--metrics-bind", f"unix:{path}", "-g", "65534", "--no-control-socket")
    assert path.stat().st_gid == 65534
    eventually(lambda: ask(server, "/readyz").status == 200, "ready")


def test_without_a_descriptor_for_a_new_master(start: Start) -> None:
    """USR2 fails with a word in the log; the old master goes on, and later it succeeds."""
    server = start(*METRICS)
    eventually(lambda: ask(server, "/readyz").status == 200, "ready")
    before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    used = {int(each.name) for each in Path(f"/proc/{server.pid}/fd").iterdir()}
    lowest = min(set(range(1000)) - used)
    # All that the master waits for is below: poll(2) refuses more descriptors than the limit.
    assert lowest > 8
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
    server.send(signal.SIGUSR2)
    server.log.wait_for(r"\[ERROR\] Cannot start a new master: .*Too many open files")
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
    assert ask(server, "/readyz").status == 200
    workers = children(server.pid)
    server.send(signal.SIGUSR2)
    server.output.wait_for("worker ready", 4)
    (successor,) = [pid for pid in children(server.pid) if pid not in workers]
    os.kill(successor, signal.SIGTERM)
    ended(successor)
