"""The PROXY protocol in front of every worker type: by hand, and sent by HAProxy."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.front import distant_client, free_port, program, running
from e2e.fronted import KINDS, ask, every_kind
from faults.processes import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

HAPROXY = program("haproxy")
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = bytes([192, 0, 2, 7, 198, 51, 100, 9]) + (4321).to_bytes(2, "big") + (443).to_bytes(2, "big")


def v2(rest: bytes = IPV4, command: int = 0x21, family: int = 0x11) -> bytes:
    """A header of version 2."""
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


def tlv(kind: int, value: bytes) -> bytes:
    """Something beside the addresses."""
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


@every_kind
@pytest.mark.parametrize("header", [V1, v2()], ids=["v1", "v2"])
def test_the_client_that_it_names(serve: Serve, kind: str, header: bytes, tmp_path: Path) -> None:
    app, *args = KINDS[kind]
    log = tmp_path / "access.log"
    server = serve(app, *args, "--proxy-protocol", "--access-logfile", str(log))
    with server.client() as client:
        client.send(header)
        for _ in range(2):
            seen = ask(client, "/", "X-Forwarded-Proto: https")
            assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == ("192.0.2.7", "4321")
            # What the peer may say is decided by its own address.
            assert seen["wsgi.url_scheme"] == "https"
            if kind != "asgi":
                names = ("PROXY_PROTOCOL", "PROXY_ADDR", "PROXY_PORT")
                assert [seen[name] for name in names] == ["TCP4", "198.51.100.9", "443"]
    # The next connection has its own.
    with server.client() as client:
        seen = ask(client)
        assert seen["REMOTE_ADDR"] == "127.0.0.1"
        assert "PROXY_PROTOCOL" not in seen
    eventually(lambda: log.read_text().count("\n") == 3, "three lines are there")
    assert [line.split()[0] for line in log.read_text().splitlines()] == [
        "192.0.2.7", "192.0.2.7", "127.0.0.1",
    ]  # fmt: skip


def test_byte_by_byte(serve: Serve) -> None:
    server = serve("fronted_app:app", "--proxy-protocol", "auto")
    for header in (V1, v2(IPV4 + tlv(0x04, b"\0" * 300))):
        with server.client() as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header:
                client.send(bytes([byte]))
            assert ask(client)["REMOTE_ADDR"] == "192.0.2.7"


def test_what_version_2_says_beside_addresses(serve: Serve) -> None:
    ssl = bytes([7, 0, 0, 0, 0]) + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"Jo") + tlv(0x23, b"AES")
    tlvs = [tlv(1, b"h2"), tlv(2, b"shop.example"), tlv(5, b"id-\xe9"), tlv(0x20, ssl)]
    server = serve("fronted_app:app", "--proxy-protocol", "v2")
    with server.client() as client:
        client.send(v2(IPV4 + b"".join(tlvs)))
        seen = ask(client)
    assert {name: value for name, value in seen.items() if name.startswith("PROXY_")} == {
        "PROXY_PROTOCOL": "TCP4", "PROXY_ADDR": "198.51.100.9", "PROXY_PORT": "443",
        "PROXY_ALPN": "h2", "PROXY_AUTHORITY": "shop.example", "PROXY_UNIQUE_ID": "id-é",
        "PROXY_SSL": "1", "PROXY_SSL_CLIENT_CERT": "1", "PROXY_SSL_VERIFIED": "1",
        "PROXY_SSL_VERSION": "TLSv1.3", "PROXY_SSL_CN": "Jo", "PROXY_SSL_CIPHER": "AES",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"PROXY UNKNOWN\r\n", "UNKNOWN"),
        (v2(b"", 0x20, 0), "LOCAL"),
        (v2(IPV4, 0x20), "LOCAL"),
        (v2(b"", 0x21, 0), "UNSPEC"),
    ],
)
def test_headers_that_name_no_client(serve: Serve, header: bytes, name: str) -> None:
    """The address of the socket holds."""
    server = serve("fronted_app:app", "--proxy-protocol", "auto")
    with server.client() as client:
        client.send(header)
        seen = ask(client)
        assert (seen["REMOTE_ADDR"], int(seen["REMOTE_PORT"])) == client.socket.getsockname()
    assert seen["PROXY_PROTOCOL"] == name
    assert "PROXY_ADDR" not in seen


def test_ipv6_and_unix_clients(serve: Serve, short_tmp: str) -> None:
    path = f"{short_tmp}/s"
    server = serve("fronted_app:app", "--proxy-protocol", "v2", bind=[f"unix:{path}"])
    ends = bytes.fromhex("20010db8000000000000000000000001" * 2) + bytes([0, 7, 0, 80])
    paths = b"/run/client".ljust(108, b"\0") + b"/run/front".ljust(108, b"\0")
    server.log.wait_for("Booting worker")
    with Client.unix(path) as client:
        client.send(v2(ends, family=0x21))
        seen = ask(client)
        assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == ("2001:db8::1", "7")
        assert (seen["PROXY_PROTOCOL"], seen["PROXY_ADDR"]) == ("TCP6", "2001:db8::1")
    with Client.unix(path) as client:
        client.send(v2(paths, family=0x31))
        seen = ask(client)
        assert (seen["REMOTE_ADDR"], seen["PROXY_ADDR"]) == ("", "/run/front")
        assert "REMOTE_PORT" not in seen


@pytest.mark.parametrize(
    ("mode", "data", "status", "why"),
    [
        ("v1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "does not begin with the PROXY header"),
        ("v1", v2(), 400, "does not begin with the PROXY header"),
        ("v2", V1, 400, "does not begin with the PROXY header"),
        ("v1", b"PROXY TCP4 not-an-ip 198.51.100.9 1 2\r\n", 400, "Invalid PROXY header"),
        ("v1", b"PROXY TCP4 " + b"1" * 100, 400, "Invalid PROXY header"),
        ("v2", v2(IPV4, family=0x12), 400, "Invalid PROXY header"),
        ("auto", V1 + V1, 400, "Invalid HTTP request target"),
    ],
)
def test_headers_that_are_refused(
    serve: Serve, mode: str, data: bytes, status: int, why: str
) -> None:
    server = serve("fronted_app:app", "--proxy-protocol", mode)
    with server.client() as client:
        client.send(data)
        answer = client.response()
        assert (answer.status, answer.get("Connection")) == (status, "close")
        assert client.is_closed()
    server.log.wait_for(f"Invalid request from ip=.*{why}")


@every_kind
def test_a_header_of_others(serve: Serve, kind: str) -> None:
    app, *args = KINDS[kind]
    allowed = ("--proxy-protocol", "auto", "--proxy-allow-from", "127.0.0.3,10.0.0.0/8")
    server = serve(app, *args, *allowed)
    with server.client() as client:
        client.send(V1)
        assert client.response().status == 403
        assert client.is_closed()
    server.log.wait_for("not in proxy_allow_ips")
    # Without a header they are served, as with gunicorn.
    with server.client() as client:
        assert ask(client)["REMOTE_ADDR"] == "127.0.0.1"
    address, source = ("127.0.0.1", server.port), ("127.0.0.3", 0)
    with Client(socket.create_connection(address, source_address=source)) as client:
        client.send(V1)
        assert ask(client)["REMOTE_ADDR"] == "192.0.2.7"


def test_hooks_see_it(serve: Serve, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks.conf.py"
    hooks.write_text(
        "def pre_request(worker, req):\n"
        "    worker.log.info('told %s', sorted((req.proxy_protocol_info or {}).items()))\n"
    )
    server = serve("fronted_app:app", "-c", str(hooks), "--proxy-protocol", "auto")
    with server.client() as client:
        client.send(v2(IPV4 + tlv(1, b"h2")))
        assert ask(client)["REMOTE_ADDR"] == "192.0.2.7"
    pairs = [
        ("alpn", "h2"), ("client_addr", "192.0.2.7"), ("client_port", 4321),
        ("proxy_addr", "198.51.100.9"), ("proxy_port", 443), ("proxy_protocol", "TCP4"),
    ]  # fmt: skip
    server.log.wait_for(re.escape(f"told {pairs}"))


@pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
@every_kind
@pytest.mark.parametrize(
    "send", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id"]
)
def test_haproxy(serve: Serve, kind: str, send: str, tmp_path: Path) -> None:
    app, *args = KINDS[kind]
    mode = "v2" if "v2" in send else "v1"
    server = serve(app, *args, "--proxy-protocol", mode)
    port = free_port()
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(
        "defaults\n    mode tcp\n    timeout connect 20s\n    timeout client 20s\n"
        "    timeout server 20s\n"
        f"frontend f\n    bind 127.0.0.1:{port}\n    unique-id-format number-%rt\n"
        "    default_backend b\n"
        f"backend b\n    server s 127.0.0.1:{server.port} {send}\n",
        encoding="ascii",
    )
    command = [str(HAPROXY), "-db", "-f", str(configuration)]
    with running(command, port), distant_client(port) as client:
        seen = ask(client)
        address, source_port = client.socket.getsockname()
    assert (seen["REMOTE_ADDR"], int(seen["REMOTE_PORT"])) == (address, source_port)
    if kind != "asgi":
        assert (seen["PROXY_ADDR"], seen["PROXY_PORT"]) == ("127.0.0.1", str(port))
        assert seen.get("PROXY_UNIQUE_ID", "number-").startswith("number-")
        assert ("PROXY_UNIQUE_ID" in seen) == ("unique-id" in send)
