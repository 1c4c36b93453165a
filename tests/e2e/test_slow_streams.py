"""Clients that are slow in each of their steps, over TLS and HTTP/2: no other client notices."""

from __future__ import annotations

import hashlib
import socket
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from e2e import secure
from e2e.client import Client
from e2e.h2_client import H2Client
from e2e.secure import SecureSocket
from e2e.server import Server
from e2e.test_http2 import CLEAR, KINDS, app_of
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

#: More than kernels and windows hold.
LARGE = 3_000_000
BODY = b"part and rest"
DIGEST = hashlib.sha256(BODY).hexdigest()


def context(protocol: str) -> ssl.SSLContext:
    """What a client comes with that speaks this protocol alone."""
    made = secure.shared().context()
    made.set_alpn_protocols([protocol])
    return made


def raw(server: Server, receive_buffer: int = 0) -> socket.socket:
    """A connection that has said nothing."""
    made = socket.socket()
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(PATIENCE)
    made.connect(("127.0.0.1", server.port))
    return made


class Slow:
    """Clients that have begun with a step; `finish` completes each."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._rest: list[Callable[[], None]] = []

    def in_handshake(self, server: Server) -> None:
        """Half of a ClientHello."""
        connection = self._stack.enter_context(raw(server))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context("h2").wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        connection.sendall(hello[:100])

        def rest() -> None:
            connection.sendall(hello[100:])
            # The answer is a record of a handshake (RFC 8446, section 5.1).
            assert connection.recv(1) == b"\x16"

        self._rest.append(rest)

    def in_http_1(self, connect: Callable[[int], socket.socket]) -> None:
        """A head, a body and an answer, on a connection each."""
        head, body, reader = (
            self._stack.enter_context(Client(connect(size))) for size in (0, 0, 4096)
        )
        head.send(b"GET /size?n=1 HTTP/1.1\r\nHo")
        body.send(b"POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\npart ")
        reader.get(f"/size?n={LARGE}")

        def rest() -> None:
            head.send(b"st: a\r\n\r\n")
            assert head.response().body == b"x"
            body.send(b"and rest")
            assert body.response().body.decode() == DIGEST
            assert len(reader.response().body) == LARGE

        self._rest.append(rest)

    def in_http_2(self, connect: Callable[[int], socket.socket], scheme: str) -> None:
        """The same: heads on a connection of their own, the others on two streams of one."""
        head, both = (
            self._stack.enter_context(H2Client(connect(0), scheme=scheme, window=1000, reads=reads))
            for reads in (True, False)
        )
        headed = head.begin("GET", "/size?n=1", end=True, keep=3)
        body = both.begin("POST", "/digest")
        both.give(body, b"part ", end=False)
        answer = both.ask(f"/size?n={LARGE}")
        both.until(lambda: len(both.answers[answer].body) == 1000)
        # Beside them, on the same connection.
        assert both.get("/").body == b"hello"

        def rest() -> None:
            head.flush()
            assert head.answer(headed).body == b"x"
            both.give(body, b"and rest", end=True)
            assert both.answer(body).body.decode() == DIGEST
            both.open_windows(answer, LARGE)
            assert len(both.answer(answer).body) == LARGE

        self._rest.append(rest)

    def finish(self) -> None:
        """Each of them does what was left, and is answered."""
        for rest in self._rest:
            rest()


def shared(sites: dict[str, Server], kind: str, *args: str) -> Server:
    """A server that the tests of a process share."""
    name = f"slow {kind} {args[0]}"
    if name not in sites:
        sites[name] = Server(app_of(kind), *KINDS[kind], *args)
    return sites[name]


@pytest.mark.parametrize("kind", list(KINDS))
def test_over_tls(sites: dict[str, Server], kind: str) -> None:
    server = shared(sites, kind, *secure.arguments(), "--http-protocols", "h2,h1")

    def by(protocol: str) -> Callable[[int], socket.socket]:
        made = context(protocol)
        return lambda size: SecureSocket(raw(server, size), made)  # type: ignore[return-value]

    with ExitStack() as stack:
        slow = Slow(stack)
        slow.in_handshake(server)
        slow.in_http_1(by("http/1.1"))
        slow.in_http_2(by("h2"), "https")
        for _ in range(3):
            with Client(by("http/1.1")(0)) as one, H2Client(by("h2")(0), scheme="https") as two:
                one.get("/")
                assert one.response().body == b"hello"
                assert two.get("/").body == b"hello"
        slow.finish()


@pytest.mark.parametrize("kind", list(KINDS))
def test_in_clear_text(sites: dict[str, Server], kind: str) -> None:
    server = shared(sites, kind, *CLEAR)
    with ExitStack() as stack:
        slow = Slow(stack)
        slow.in_http_2(lambda size: raw(server, size), "http")
        for _ in range(3):
            with H2Client(server.port) as other:
                assert other.get("/").body == b"hello"
        slow.finish()
