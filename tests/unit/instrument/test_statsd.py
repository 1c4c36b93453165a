"""The statsd logger, over real datagram sockets."""

from __future__ import annotations

import logging
import socket
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from licorne import sock
from licorne.config import Config
from licorne.glogging import Logger
from licorne.instrument.statsd import Statsd
from licorne.master.gauges import Gauges
from licorne.metrics.page import family
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from licorne.metrics.page import Labels

    class Make(Protocol):
        """Makes a logger with these settings."""

        def __call__(self, **settings: object) -> Statsd: ...


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(PATIENCE)
        yield made


@pytest.fixture
def short_tmp() -> Iterator[str]:
    """Socket paths have room for about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="lc") as folder:
        yield folder


def received(server: socket.socket, count: int) -> list[str]:
    return [server.recv(4096).decode() for _ in range(count)]


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[Make]:
    made: list[Statsd] = []

    def make(**settings: object) -> Statsd:
        cfg = Config()
        for name, value in ({"errorlog": str(tmp_path / "error")} | settings).items():
            cfg.set(name, value)
        log = cfg.logger_class(cfg)
        assert isinstance(log, Statsd)
        made.append(log)
        return log

    yield make
    for log in made:
        if log.sock is not None:
            log.sock.close()
        for handler in list(log.error_log.handlers):
            log.error_log.removeHandler(handler)
            handler.close()


def at(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_host_makes_the_default_logger_this_one() -> None:
    class Own(Logger):
        pass

    cfg = Config()
    assert cfg.logger_class is Logger
    cfg.set("statsd_host", "127.0.0.1")
    assert cfg.logger_class is Statsd
    cfg.set("logger_class", "gunicorn.glogging.Logger")
    assert cfg.logger_class is Statsd
    cfg.set("logger_class", Own)
    assert cfg.logger_class is Own


def test_messages_are_counted(server: socket.socket, tmp_path: Path, logger: Make) -> None:
    log = logger(statsd_host=at(server), statsd_prefix="web..", dogstatsd_tags="a:b,c")
    log.critical("one")
    log.error("two %s", 2)
    log.warning("three")
    log.exception("four")
    assert received(server, 4) == [
        f"web.gunicorn.log.{kind}:1|c|@1.0|#a:b,c"
        for kind in ("critical", "error", "warning", "exception")
    ]
    lines = (tmp_path / "error").read_text(encoding="utf-8").splitlines()
    assert [line.rpartition("] ")[2] for line in lines[:3]] == ["one", "two 2", "three"]


def test_metrics_of_messages(server: socket.socket, tmp_path: Path, logger: Make) -> None:
    log = logger(statsd_host=at(server))
    for kind in ("gauge", "counter", "histogram", "timer", "unknown"):
        log.info("", extra={"metric": "m", "value": 0, "mtype": kind})
    log.debug("seen", extra={"metric": "m", "value": 7, "mtype": "gauge"})
    log.log(logging.INFO, "logged", extra={"metric": "m", "value": None, "mtype": "gauge"})
    log.decrement("n", 2)
    assert received(server, 6) == ["m:0|g", "m:0|c|@1.0", "m:0|h", "m:0|ms", "m:7|g", "n:-2|c|@1.0"]
    (line,) = (tmp_path / "error").read_text(encoding="utf-8").splitlines()
    assert line.endswith("[INFO] logged")


def test_a_request(server: socket.socket, logger: Make) -> None:
    log = logger(statsd_host=at(server))
    request = SimpleNamespace(headers=[])
    took = timedelta(days=1, milliseconds=1, microseconds=500)
    for status in ("200 OK", b"404 Not Found", 500, ""):
        log.access(SimpleNamespace(status=status, headers=[], sent=1), request, {}, took)
    expected = []
    for status in ("200", "404", "500", ""):
        expected += ["gunicorn.request.duration:86400001.5|ms", "gunicorn.requests:1|c|@1.0"]
        expected += [f"gunicorn.request.status.{status}:1|c|@1.0"] if status else []
    assert received(server, 11) == expected


def test_records_name_their_caller(server: socket.socket, tmp_path: Path, logger: Make) -> None:
    log = logger(statsd_host=at(server))
    for handler in log.error_log.handlers:
        handler.setFormatter(logging.Formatter("%(filename)s %(funcName)s"))
    for call in (log.critical, log.error, log.warning, log.exception, log.info):
        call("x")
    log.log("info", "x")
    lines = (tmp_path / "error").read_text(encoding="utf-8").splitlines()
    own = "test_statsd.py test_records_name_their_caller"
    assert [line for line in lines if not line.startswith("NoneType")] == [own] * 6


def test_a_unix_socket_that_comes_and_goes(short_tmp: str, tmp_path: Path, logger: Make) -> None:
    path = f"{short_tmp}/statsd"
    log = logger(statsd_host=f"unix://{path}")
    log.gauge("unheard", 1)
    log.gauge("unheard", 2)
    for number in (1, 2):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(path)
            server.settimeout(PATIENCE)
            log.gauge("here", number)
            assert received(server, 1) == [f"here:{number}|g"]
        Path(path).unlink()
    log.gauge("unheard", 3)
    lines = (tmp_path / "error").read_text(encoding="utf-8").splitlines()
    # Once for each row of losses.
    assert [line.count("Cannot send metrics to statsd") for line in lines] == [1, 1]


def test_a_full_server_is_not_waited_for(short_tmp: str, tmp_path: Path, logger: Make) -> None:
    path = f"{short_tmp}/statsd"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        log = logger(statsd_host=f"unix://{path}")
        for number in range(10_000):
            log.gauge("much", number)
    assert "Cannot send metrics" in (tmp_path / "error").read_text(encoding="utf-8")


def test_a_host_name_that_does_not_resolve(tmp_path: Path, logger: Make) -> None:
    log = logger(statsd_host="no-such-host.invalid")
    log.gauge("x", 1)
    (line,) = (tmp_path / "error").read_text(encoding="utf-8").splitlines()
    assert "No metrics: cannot reach statsd at ('no-such-host.invalid', 8125)" in line


def test_another_server_after_a_reload(server: socket.socket, logger: Make) -> None:
    log = logger(statsd_host="127.0.0.1:9")
    cfg = Config()
    cfg.set("statsd_host", at(server))
    cfg.set("statsd_prefix", "new")
    log.setup(cfg)
    log.gauge("x", 1)
    assert received(server, 1) == ["new.x:1|g"]


def test_the_masters_gauges(server: socket.socket, logger: Make) -> None:
    log = logger(statsd_host=at(server))
    gauges = Gauges()
    for workers in (2, 2, 1):
        gauges.tell(log, workers)
    cfg = Config()
    listener = sock.TCPSocket(("127.0.0.1", 0), cfg, log)
    with socket.create_connection(listener.sock.getsockname()):
        gauges.tell_backlog(log, [listener])
    listener.close()
    waiting = 1 if sys.platform == "linux" else 0
    assert received(server, 3) == [
        "gunicorn.workers:2|g",
        "gunicorn.workers:1|g",
        f"gunicorn.backlog:{waiting}|h",
    ]


def test_families_of_the_metrics_page(server: socket.socket, logger: Make) -> None:
    log = logger(statsd_host=at(server), statsd_prefix="web")
    gauges = Gauges()

    def tell(full: int, other: int, streams: int) -> None:
        handshakes: dict[Labels, float] = {
            (("worker_type", "sync"), ("result", "full")): full,
            (("worker_type", "asgi"), ("result", "full")): other,
            (("worker_type", "sync"), ("result", "failed")): 0,
        }
        gauges.tell_families(
            log,
            [
                family("licorne_tls_handshakes", "counter", "", handshakes),
                family("licorne_http2_open_streams", "gauge", "", {(("worker", "0"),): streams}),
            ],
        )

    tell(2, 1, 0)
    tell(2, 1, 0)
    tell(3, 2, 5)
    tell(3, 2, 1)
    assert received(server, 4) == [
        "web.licorne.tls_handshakes.full:3|c|@1.0",
        "web.licorne.tls_handshakes.full:2|c|@1.0",
        "web.licorne.http2_open_streams:5|g",
        "web.licorne.http2_open_streams:1|g",
    ]
