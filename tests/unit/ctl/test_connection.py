"""One connection over a pair of sockets, turn by turn; and the table of those that go on."""

from __future__ import annotations

import json
import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.ctl.answer import Later, Refused
from licorne.ctl.connection import IDLE, Connection, State
from licorne.ctl.server import ControlServer
from licorne.glogging import Logger
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from licorne.ctl.answer import Answer, Then
    from licorne.ctl.protocol import Request


class Pair:
    """A client and its connection, which is turned by hand."""

    def __init__(self) -> None:
        self.client, self.server = socket.socketpair()
        self.client.settimeout(PATIENCE)
        self.server.setblocking(False)
        self.thens: list[Then] = []
        self.changes: list[State] = []
        self.connection = Connection(
            self.server, self.serve, lambda each: self.changes.append(each.state)
        )

    def serve(self, request: Request) -> Answer:
        if request.command == "later":
            return Later(self.thens.append)
        if request.command == "long":
            return "x" * (4 << 20)
        if request.command == "no":
            raise Refused("not today")
        return request.command

    def say(self, *commands: str) -> None:
        self.client.sendall(
            b"".join(b'{"id": 1, "command": "%s"}\n' % c.encode() for c in commands)
        )

    def turn(self) -> None:
        """What the master's loop does once."""
        poller = select.poll()
        poller.register(self.server, self.connection.wants)
        for _, mask in poller.poll(0):
            self.connection.react(mask)

    def hear(self) -> dict[str, object]:
        line = self.client.makefile("rb").readline()
        answer: dict[str, object] = json.loads(line)
        return answer


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.client.close()
    made.server.close()


def test_one_request_in_each_turn(pair: Pair) -> None:
    pair.say("a", "b", "c")
    lines = pair.client.makefile("rb")
    for name in ("a", "b", "c"):
        pair.turn()
        assert json.loads(lines.readline())["data"] == name
    pair.turn()
    assert pair.connection.state is State.READING


def test_half_a_request_does_not_keep_the_loop_awake(pair: Pair) -> None:
    pair.say("a")
    pair.client.sendall(b'{"comm')
    pair.turn()
    pair.turn()
    assert pair.connection.state is State.READING
    pair.client.sendall(b'and": "b"}\n')
    pair.turn()
    assert pair.connection.state is State.READING


def test_an_answer_may_come_later(pair: Pair) -> None:
    pair.say("later", "after")
    pair.turn()
    assert pair.connection.state is State.WAITING
    assert pair.connection.wants == 0
    pair.turn()
    pair.thens[0]("found")
    lines = pair.client.makefile("rb")
    assert json.loads(lines.readline()) == {"id": 1, "status": "ok", "data": "found"}
    assert pair.changes == [State.WRITING]
    pair.turn()
    assert json.loads(lines.readline())["data"] == "after"
    # A second answer to the same question changes nothing.
    pair.thens[0]("again")
    assert pair.changes == [State.WRITING]


def test_an_answer_at_once_that_might_have_come_later(pair: Pair) -> None:
    pair.connection = Connection(
        pair.server, lambda _request: Later(lambda then: then(Refused("no"))), lambda _talk: None
    )
    pair.say("x")
    pair.turn()
    assert pair.hear() == {"id": 1, "status": "error", "error": "no"}


def test_no_answer_is_waited_for_for_ever(pair: Pair) -> None:
    pair.say("later")
    pair.turn()
    pair.connection.expire()
    assert pair.hear() == {"id": 1, "status": "error", "error": "no answer came in time"}
    assert pair.connection.state is State.CLOSED


def test_a_client_that_leaves_while_its_answer_is_awaited(pair: Pair) -> None:
    pair.say("later")
    pair.turn()
    pair.client.close()
    pair.turn()
    assert pair.connection.state is State.CLOSED
    pair.thens[0]("found")
    assert pair.connection.state is State.CLOSED


def test_a_long_answer_goes_as_the_client_reads(pair: Pair) -> None:
    pair.say("long", "no")
    pair.turn()
    assert pair.connection.state is State.WRITING
    got = b""
    while got.count(b"\n") < 2:
        pair.turn()
        got += pair.client.recv(1 << 20)
    first, second, _ = got.split(b"\n")
    assert len(json.loads(first)["data"]) == 4 << 20
    assert json.loads(second)["error"] == "not today"


class Loop:
    """As much of a master as the table of clients needs."""

    def __init__(self, cfg: Config) -> None:
        self.log = Logger(cfg)
        self.pid = 0
        self.watched: dict[int, Callable[[int], None]] = {}

    def watch(self, fd: int, react: Callable[[int], None], _mask: int = 0) -> None:
        self.watched[fd] = react

    def unwatch(self, fd: int) -> None:
        del self.watched[fd]


def test_silent_clients_are_sent_away(short_path: str) -> None:
    cfg = Config()
    cfg.set("control_socket", short_path)
    loop = Loop(cfg)
    server = ControlServer(loop)  # type: ignore[arg-type]  # it asks for no more
    server.follow(cfg)
    assert server.wake_after(time.monotonic()) is None
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(short_path)
        (accept,) = loop.watched.values()
        accept(select.POLLIN)
        now = time.monotonic()
        assert len(loop.watched) == 2
        assert IDLE - 20 < (server.wake_after(now) or 0) <= IDLE
        server.look_after(now + IDLE - 20)
        assert len(loop.watched) == 2
        server.look_after(now + IDLE + 1)
        assert client.recv(1) == b""
    assert len(loop.watched) == 1
    server.close()
    assert loop.watched == {}
    assert not Path(short_path).exists()
