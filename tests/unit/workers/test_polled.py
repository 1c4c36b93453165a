"""An engine that another loop polls, without that loop: the test turns it."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

import pytest

from licorne._engine import Engine, Scoreboard
from licorne.config import Config
from licorne.glogging import Logger
from licorne.workers.engine_config import EngineConfig, Kind, Wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne._engine import Exchange
    from licorne.sock import BaseSocket

#: Seconds until a wait for an event fails.
LONG = 30


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def engine(listener: BaseSocket) -> Iterator[Engine]:
    """One with siblings, whose loop would not look up by itself as long as a test runs."""
    cfg = Config()
    cfg.set("workers", 2)
    log = Logger(cfg)
    config = EngineConfig(cfg, log, [listener], Kind(polled=True), Wiring())
    config.beat = config.silence = 1000.0
    engine = Engine(config, [listener.fileno()], Scoreboard(1, 4), 0, log)
    yield engine
    engine.close()


def turn(engine: Engine) -> list[Exchange]:
    """What the loop would do when the engine says that there is something to do."""
    assert select.select([engine], [], [], LONG)[0]
    turned = engine.turn(False, None)
    assert turned is not None
    return turned[0]


def request_of(engine: Engine, client: socket.socket) -> Exchange:
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while not (exchanges := turn(engine)):
        pass
    (exchange,) = exchanges
    return exchange


def test_a_quiet_loop_keeps_its_door_open(engine: Engine, listener: socket.socket) -> None:
    """Its requests wait for something; seen from outside it could be blocked as well."""
    address = listener.getsockname()
    engine.turn(False, None)
    with socket.create_connection(address) as first, socket.create_connection(address) as second:
        waiting = request_of(engine, first)
        # No client does anything now. The stand-in asks whether the loop still comes round ...
        assert turn(engine) == []
        assert turn(engine) == []
        # ... and a client that comes then need not wait until it does so by itself.
        with socket.create_connection(address) as third:
            exchange = request_of(engine, third)
            exchange.abandon()
        waiting.abandon()
        request_of(engine, second).abandon()


def test_what_has_no_room_is_left_to_the_siblings(engine: Engine, listener: socket.socket) -> None:
    address = listener.getsockname()
    assert engine.turn(False, 1) is not None
    with socket.create_connection(address) as first:
        waiting = request_of(engine, first)
        assert engine.turn(False, 0) is not None
        with socket.create_connection(address):
            assert engine.turn(False, 0) is not None
            # It is still there for another process.
            listener.accept()[0].close()
        assert engine.turn(False, 1) is not None
        with socket.create_connection(address) as second:
            request_of(engine, second).abandon()
        waiting.abandon()
