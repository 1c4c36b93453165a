"""Other people's HTTP/2: httpx, nginx and HAProxy as clients, HAProxy in front of TLS."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e import secure
from e2e.front import free_port, nginx, program, running
from e2e.h2_client import H2Client
from e2e.secure import SecureSocket
from e2e.test_http2 import CLEAR, KINDS, app_of
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

HAPROXY = program("haproxy")
needs_nginx = pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
each_interface = pytest.mark.parametrize("kind", ["gthread", "asgi"])
SECURE = (*secure.arguments(), "--http-protocols", "h2,h1")
#: It is more than a window has room for.
BODY = bytes(range(256)) * 2000

NGINX = """
    server {{
        listen 127.0.0.1:{port};
        location / {{ grpc_pass grpc://127.0.0.1:{upstream}; }}
    }}
"""
PROXY = """
defaults
    mode {mode}
    timeout connect 20s
    timeout client 20s
    timeout server 20s
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s 127.0.0.1:{upstream} {how}
"""


def started(serve: Serve, kind: str, *settings: str) -> Server:
    """The site by one of both interfaces."""
    return serve(app_of(kind), *KINDS[kind], *settings)


def requests_and_answers(client: httpx.Client, url: str) -> None:
    """What goes both ways, several times, with bodies and without."""
    for _ in range(3):
        assert client.get(f"{url}/").content == b"hello"
        uploaded = client.post(f"{url}/digest", content=BODY)
        assert uploaded.text == hashlib.sha256(BODY).hexdigest()
        assert client.get(f"{url}/size?n=300000").content == b"x" * 300_000
        assert client.get(f"{url}/stream?n=40").content == b"0123456789abcdef" * 1024 * 40
    assert client.get(f"{url}/empty?status=204%20No%20Content").status_code == 204
    assert client.head(f"{url}/size?n=7").content == b""


def haproxy(folder: Path, port: int, upstream: int, mode: str, how: str) -> list[str]:
    """The command of a HAProxy before this port."""
    file = folder / "haproxy.cfg"
    text = PROXY.format(mode=mode, port=port, upstream=upstream, how=how)
    file.write_text(text, encoding="ascii")
    return [str(HAPROXY), "-db", "-f", str(file)]


@each_interface
@pytest.mark.parametrize("transport", ["clear", "tls"])
def test_httpx(serve: Serve, kind: str, transport: str) -> None:
    tls = transport == "tls"
    server = started(serve, kind, *(SECURE if tls else CLEAR))
    url = f"{'https' if tls else 'http'}://localhost:{server.port}"
    context = secure.shared().context()
    with httpx.Client(verify=context, http1=tls, http2=True, timeout=PATIENCE) as client:
        assert client.get(url).http_version == "HTTP/2"
        requests_and_answers(client, url)


@needs_nginx
@each_interface
def test_nginx(serve: Serve, tmp_path: Path, kind: str) -> None:
    server = started(serve, kind, *CLEAR)
    port = free_port()
    with (
        nginx(NGINX.format(port=port, upstream=server.port), port, tmp_path),
        httpx.Client(timeout=PATIENCE) as client,
    ):
        url = f"http://127.0.0.1:{port}"
        requests_and_answers(client, url)
        told = client.get(f"{url}/environ").json()
    assert told.get("SERVER_PROTOCOL", f"HTTP/{told.get('http_version')}") == "HTTP/2"


@needs_haproxy
@each_interface
@pytest.mark.parametrize("transport", ["clear", "tls"])
def test_haproxy(serve: Serve, tmp_path: Path, kind: str, transport: str) -> None:
    tls = transport == "tls"
    server = started(serve, kind, *(SECURE if tls else CLEAR))
    how = f"ssl alpn h2 ca-file {secure.shared().ca}" if tls else "proto h2"
    port = free_port()
    command = haproxy(tmp_path, port, server.port, "http", how)
    with running(command, port), httpx.Client(timeout=PATIENCE) as client:
        url = f"http://127.0.0.1:{port}"
        requests_and_answers(client, url)
        told = client.get(f"{url}/environ").json()
    assert told.get("SERVER_PROTOCOL", f"HTTP/{told.get('http_version')}") == "HTTP/2"


@needs_haproxy
def test_haproxy_that_passes_tls_on(serve: Serve, tmp_path: Path) -> None:
    """The client is the one that the PROXY header in front of the handshake names."""
    server = started(serve, "gthread", *SECURE, "--proxy-protocol", "v2")
    port = free_port()
    context = secure.shared().context()
    context.set_alpn_protocols(["h2"])
    with running(haproxy(tmp_path, port, server.port, "tcp", "send-proxy-v2"), port):
        for _ in range(2):
            raw = socket.create_connection(
                ("127.0.0.1", port), PATIENCE, source_address=("127.0.0.2", 0)
            )
            tls = SecureSocket(raw, context)
            with H2Client(tls, scheme="https") as client:  # type: ignore[arg-type]
                told = json.loads(client.get("/environ").body)
                assert (told["REMOTE_ADDR"], told["HTTPS"]) == ("127.0.0.2", "on")
                uploaded = client.get("/digest", method="POST", body=BODY)
                assert uploaded.body.decode() == hashlib.sha256(BODY).hexdigest()
