"""Peers that are slow, or silent: no other client notices, and it ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from e2e.client import Client

if TYPE_CHECKING:
    from e2e.server import Serve, Server


def test_slow_senders_delay_no_other_client(site: Server) -> None:
    slow = []
    for n in range(50):
        client = site.client()
        if n % 2:
            client.send(b"GET /slow HTTP/1.1\r\nHost: loc")
        else:
            client.get("/slow", "Content-Length: 100")
            client.send(b"a part of the body")
        slow.append(client)
    assert site.get("/") == (200, b"hello")
    slow[1].send(b"alhost\r\n\r\n")
    assert b'"/slow"' in slow[1].response().body
    slow[0].send(b"x" * 82)
    assert b'"/slow"' in slow[0].response().body
    for client in slow:
        client.socket.close()


def test_slow_readers_delay_no_other_client(site: Server) -> None:
    slow = [Client.narrow(site.port) for _ in range(20)]
    for client in slow:
        client.get("/big?mb=4")
        assert client.socket.recv(100)
    assert site.get("/") == (200, b"hello")
    rest = 0
    while data := slow[0].socket.recv(1 << 20):
        rest += len(data)
        if rest >= 4 << 20:
            break
    assert rest >= 4 << 20
    for client in slow:
        client.socket.close()
    assert site.get("/") == (200, b"hello")


def test_a_slow_reader_of_a_file_delays_no_other_client(site: Server) -> None:
    slow = [Client.narrow(site.port) for _ in range(5)]
    for client in slow:
        client.get("/file")
        assert client.socket.recv(100)
    assert site.get("/") == (200, b"hello")
    for client in slow:
        client.socket.close()


def test_pipelining_without_reading_is_not_a_way_to_fill_the_memory(
    args: tuple[str, ...], serve: Serve
) -> None:
    """200 answers of 2 MB are asked for at once: most of them must not be made yet."""
    server = serve("site_app", *args)
    assert server.get("/") == (200, b"hello")
    before = resident_mb(server.worker_pid())
    client = Client.narrow(server.port)
    client.send(b"GET /big?mb=2 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
    for number in range(4):
        with server.client() as other:
            # Each of these is a turn in which the next answer could be made.
            for _ in range(20):
                other.get("/")
                assert other.response().body == b"hello"
        assert resident_mb(server.worker_pid()) - before < 30
        # Its client reads on, and so its requests go on.
        assert len(client.response().body) == 2 * 1024 * 1024, number
    client.socket.close()


def test_a_head_that_takes_too_long(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--header-timeout", "1")
    with server.client() as client:
        client.send(b"GET /late HTTP/1.1\r\nHos")
        assert client.response().status == 408
        assert client.is_closed()
    assert not server.log.matching("called /late")


def test_a_body_that_stands_still(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--body-timeout", "1")
    with server.client() as client:
        client.get("/late", "Content-Length: 10")
        client.send(b"12345")
        assert client.response().status == 408
        assert client.is_closed()
    assert not server.log.matching("called /late")


def test_a_silent_connection_is_closed_without_a_word(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--header-timeout", "1", "--keep-alive", "1")
    with server.client() as client:
        client.everything()
    assert server.get("/") == (200, b"hello")


def test_a_reader_that_stands_still(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--write-timeout", "1")
    client = Client.narrow(server.port)
    client.get("/endless?name=standstill")
    server.log.wait_for("app: closed standstill")
    client.socket.close()
    assert server.get("/") == (200, b"hello")


def resident_mb(pid: int) -> float:
    """The most memory a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
