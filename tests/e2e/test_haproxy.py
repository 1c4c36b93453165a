"""HAProxy in front: it tells the client by `X-Forwarded-For`, or by the standard's `Forwarded`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.front import distant_client, free_port, program, running

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

HAPROXY = program("haproxy")
CONFIGURATION = """
defaults
    mode http
    timeout connect 20s
    timeout client 20s
    timeout server 20s
frontend f
    bind 127.0.0.1:{port}
    {more}
    default_backend b
backend b
    server s 127.0.0.1:{upstream}
"""
OLD = "option forwardfor\n    http-request set-header X-Forwarded-Proto https"
NEW = (
    r"http-request add-header Forwarded "
    r"for=\"%[src]:%[src_port]\";proto=https;host=\"shop.example\""
)
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")


@pytest.mark.parametrize(("source", "more"), [("x-forwarded-for", OLD), ("forwarded", NEW)])
def test_the_client_behind_haproxy(
    serve: Serve, tmp_path: Path, source: str, more: str, args: tuple[str, ...]
) -> None:
    server = serve("origin_app:app", *args, "--client-address", source)
    port = free_port()
    configuration = tmp_path / "haproxy.cfg"
    text = CONFIGURATION.format(port=port, upstream=server.port, more=more)
    configuration.write_text(text, encoding="ascii")
    command = [str(HAPROXY), "-db", "-f", str(configuration)]
    made_up = ("X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7;proto=http;host=x")
    with running(command, port), distant_client(port) as client:
        client.get("/", *made_up)
        seen = json.loads(client.response().body)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("127.0.0.2", "https")
    assert (seen["REMOTE_PORT"] is None) == (source == "x-forwarded-for")
    assert seen["HTTP_HOST"] == ("shop.example" if source == "forwarded" else "localhost")
