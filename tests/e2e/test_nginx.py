"""nginx in front, as most people run it: HTTP/1.0 as it comes, and 1.1 with kept connections."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from e2e.front import distant_client, free_port, nginx, program
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.server import Serve, Server

SITE = """
    upstream application {{ server 127.0.0.1:{upstream}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://application;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
            {more}
        }}
    }}
"""
KEPT = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;'
pytestmark = pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")


@pytest.fixture(params=["", KEPT], ids=["1.0", "1.1"])
def front(request: pytest.FixtureRequest, site: Server, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx that passes everything on to the site."""
    with nginx_before(site, tmp_path, str(request.param)) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx_before(server: Server, folder: Path, more: str) -> Iterator[int]:
    """The port of an nginx in front of a server, with lines of its own for the location."""
    port = free_port()
    with nginx(SITE.format(upstream=server.port, port=port, more=more), port, folder):
        yield port


def test_a_request_through_nginx(front: str) -> None:
    with requests.Session() as session:
        for _ in range(3):
            answer = session.get(
                f"{front}/page?a=1", headers={"Host": "example.com"}, timeout=PATIENCE
            )
            seen = json.loads(answer.content)
    assert seen["HTTP_HOST"] == "example.com"
    assert seen["HTTP_X_REAL_IP"] == "127.0.0.1"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["wsgi.url_scheme"] == "https"
    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/page", "a=1")


def test_an_upload_through_nginx(front: str) -> None:
    body = bytes(range(256)) * 20_000
    answer = requests.post(f"{front}/digest", data=body, timeout=PATIENCE)
    assert answer.text == hashlib.sha256(body).hexdigest()
    chunks = (body[n : n + 100_000] for n in range(0, len(body), 100_000))
    answer = requests.post(f"{front}/digest", data=chunks, timeout=PATIENCE)
    assert answer.text == hashlib.sha256(body).hexdigest()


def test_responses_through_nginx(front: str) -> None:
    content = bytes(range(256)) * 4096
    assert requests.get(f"{front}/blocks?as=generator", timeout=PATIENCE).text == "one,two,three"
    assert requests.get(f"{front}/big?mb=2", timeout=PATIENCE).content == content * 2
    assert requests.get(f"{front}/file", timeout=PATIENCE).content == content
    assert requests.get(f"{front}/status?code=204", timeout=PATIENCE).status_code == 204
    assert requests.head(f"{front}/", timeout=PATIENCE).headers["Content-Length"] == "5"


def test_the_client_behind_nginx(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    """What the client makes up about itself is left of what nginx knows."""
    server = serve("origin_app:app", *args, "--client-address", "x-forwarded-for")
    more = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
    with nginx_before(server, tmp_path, more) as port, distant_client(port) as client:
        client.get("/", "X-Forwarded-For: 192.0.2.7")
        seen = json.loads(client.response().body)
    assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == ("127.0.0.2", None)
    assert (seen["wsgi.url_scheme"], seen["HTTP_HOST"]) == ("https", "localhost")
