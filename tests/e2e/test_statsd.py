"""What a statsd server is told by a real server."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import httpx

from e2e import secure
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.server import Serve


def test_statsd_is_told_of_tls_and_http_2(serve: Serve) -> None:
    """Also of what was counted last before the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(PATIENCE)
        where = ("--statsd-host", f"127.0.0.1:{statsd.getsockname()[1]}", "--timeout", "0")
        server = serve("site_app", "--http-protocols", "h2,h1", *secure.arguments(), *where)
        with httpx.Client(http2=True, verify=secure.context(), timeout=PATIENCE) as client:
            for _ in range(3):
                assert client.get(f"https://127.0.0.1:{server.port}/").http_version == "HTTP/2"
        server.stop()
        counted: dict[str, int] = {}
        streams = "licorne.http2_streams"
        while counted.get(streams) != 3 or "licorne.tls_handshakes.full" not in counted:
            name, value, kind = re.split(r"[:|]", statsd.recv(4096).decode())[:3]
            assert kind in ("c", "g", "ms")
            if kind == "c":
                counted[name] = counted.get(name, 0) + int(value)
        assert counted["licorne.tls_handshakes.full"] == 1
