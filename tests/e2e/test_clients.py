"""Clients that people use: curl, requests, httpx, http.client."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
import requests

from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Server

BODY = bytes(range(256)) * 8000
DIGEST = hashlib.sha256(BODY).hexdigest()
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(*args: str) -> str:
    """Run curl, which says nothing but the answer, and fails when HTTP goes wrong."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--noproxy", "*", *args],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_curl
def test_curl_gets(site: Server) -> None:
    assert curl(site.url) == "hello"


@needs_curl
def test_curl_reuses_the_connection(site: Server) -> None:
    form = "%{num_connects} "
    assert curl("-w", form, site.url, "-w", form, site.url) == "hello1 hello0 "


@needs_curl
@pytest.mark.parametrize("args", [[], ["-H", "Transfer-Encoding: chunked"], ["--http1.0"]])
def test_curl_uploads(site: Server, tmp_path: Path, args: list[str]) -> None:
    """Above 1 MB curl expects 100-continue and waits for it."""
    if args == ["--http1.0"]:
        args = [*args, "-H", "Expect:"]
    upload = tmp_path / "upload"
    upload.write_bytes(BODY)
    seen = curl("--data-binary", f"@{upload}", *args, f"{site.url}/digest")
    assert seen == DIGEST


@needs_curl
def test_curl_head(site: Server) -> None:
    assert "Content-Length: 5" in curl("-I", site.url)


@needs_curl
def test_curl_downloads_a_file(site: Server, tmp_path: Path) -> None:
    target = tmp_path / "download"
    curl("-o", str(target), f"{site.url}/file")
    assert target.read_bytes() == bytes(range(256)) * 4096


def test_requests(site: Server) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(site.url, timeout=PATIENCE).content == b"hello"
        assert session.post(f"{site.url}/digest", data=BODY, timeout=PATIENCE).text == DIGEST
        chunks = (BODY[n : n + 50_000] for n in range(0, len(BODY), 50_000))
        assert session.post(f"{site.url}/digest", data=chunks, timeout=PATIENCE).text == DIGEST


def test_httpx(site: Server) -> None:
    with httpx.Client(base_url=site.url, timeout=PATIENCE, trust_env=False) as client:
        assert client.get("/").content == b"hello"
        assert client.post("/digest", content=BODY).text == DIGEST
        assert client.post("/digest", content=iter([BODY[:1000], BODY[1000:]])).text == DIGEST
        with client.stream("GET", "/blocks?as=generator") as answer:
            assert b"".join(answer.iter_raw()) == b"one,two,three"


def test_http_client(site: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=PATIENCE)
    for _ in range(2):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
    connection.request("POST", "/digest", body=iter([BODY]), encode_chunked=True)
    assert connection.getresponse().read().decode() == DIGEST
    connection.close()


def test_many_clients_at_once(site: Server) -> None:
    def ask(number: int) -> bool:
        with site.client() as client:
            for turn in range(20):
                client.get(f"/n{number}-{turn}")
                if f'"/n{number}-{turn}"'.encode() not in client.response().body:
                    return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(32)))
