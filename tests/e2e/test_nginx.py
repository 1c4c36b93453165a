"""nginx in front, as most people run it: HTTP/1.0 as it comes, and 1.1 with kept connections."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.server import Server

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 100m;
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
}}
"""
KEPT = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;'
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@pytest.fixture(params=["", KEPT], ids=["1.0", "1.1"])
def front(request: pytest.FixtureRequest, site: Server, tmp_path: Path) -> Iterator[str]:
    """The address of an nginx that passes everything on to the site."""
    port = free_port()
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=tmp_path, upstream=site.port, port=port, more=str(request.param)
        ),
        encoding="ascii",
    )
    process = subprocess.Popen(
        [str(NGINX), "-p", str(tmp_path), "-c", str(configuration)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        wait_until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_request_through_nginx(front: str) -> None:
    with requests.Session() as session:
        for _ in range(3):
            answer = session.get(f"{front}/page?a=1", headers={"Host": "example.com"}, timeout=20)
            seen = json.loads(answer.content)
    assert seen["HTTP_HOST"] == "example.com"
    assert seen["HTTP_X_REAL_IP"] == "127.0.0.1"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert seen["wsgi.url_scheme"] == "https"
    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/page", "a=1")


def test_an_upload_through_nginx(front: str) -> None:
    body = bytes(range(256)) * 20_000
    answer = requests.post(f"{front}/digest", data=body, timeout=20)
    assert answer.text == hashlib.sha256(body).hexdigest()
    chunks = (body[n : n + 100_000] for n in range(0, len(body), 100_000))
    answer = requests.post(f"{front}/digest", data=chunks, timeout=20)
    assert answer.text == hashlib.sha256(body).hexdigest()


def test_responses_through_nginx(front: str) -> None:
    content = bytes(range(256)) * 4096
    assert requests.get(f"{front}/blocks?as=generator", timeout=20).text == "one,two,three"
    assert requests.get(f"{front}/big?mb=2", timeout=20).content == content * 2
    assert requests.get(f"{front}/file", timeout=20).content == content
    assert requests.get(f"{front}/status?code=204", timeout=20).status_code == 204
    assert requests.head(f"{front}/", timeout=20).headers["Content-Length"] == "5"


def free_port() -> int:
    """A port that is free now: nginx cannot be told to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """nginx says nothing when it is ready: try until a connection is accepted."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(process.communicate()[1].decode())
