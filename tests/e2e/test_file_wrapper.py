"""`wsgi.file_wrapper`: files by sendfile, file-like objects block by block."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from e2e.server import Serve, Server

CONTENT = bytes(range(256)) * 4096


@pytest.mark.parametrize("kind", ["real", "like"])
@pytest.mark.parametrize("offset", [0, 1000, len(CONTENT)])
@pytest.mark.parametrize("with_length", [True, False])
def test_a_file_from_where_it_stands(
    site: Server, kind: str, offset: int, with_length: bool
) -> None:
    length = f"&length={len(CONTENT) - offset}" if with_length else ""
    with site.client() as client:
        client.get(f"/file?kind={kind}&offset={offset}{length}")
        assert client.response().body == CONTENT[offset:]
        client.get("/")
        assert client.response().body == b"hello"


@pytest.mark.parametrize("kind", ["real", "like"])
def test_no_more_of_the_file_than_announced(site: Server, kind: str) -> None:
    with site.client() as client:
        client.get(f"/file?kind={kind}&offset=10&length=100")
        assert client.response().body == CONTENT[10:110]
        client.get("/")
        assert client.response().body == b"hello"


@pytest.mark.parametrize("kind", ["real", "like"])
def test_head(site: Server, kind: str) -> None:
    with site.client() as client:
        client.request("HEAD", f"/file?kind={kind}&length={len(CONTENT)}")
        client.get("/")
        assert client.response("HEAD").get("Content-Length") == str(len(CONTENT))
        assert client.response().body == b"hello"


def test_http_1_0(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/file", version="1.0")
        assert client.response().body == CONTENT
        assert client.is_closed()


@pytest.mark.parametrize("kind", ["gzip", "bz2", "lzma", "subclass", "text", "path", "named"])
def test_what_is_sent_is_what_read_gives(site: Server, tmp_path: Path, kind: str) -> None:
    openers = {"gzip": gzip.compress, "bz2": bz2.compress, "lzma": lzma.compress}
    path = tmp_path / "file"
    data = b"what is in the file " * 2000
    path.write_bytes(openers[kind](data) if kind in openers else data)
    sent = {"subclass": data.upper(), "named": CONTENT}.get(kind, data)
    with site.client() as client:
        client.get(f"/special-file?kind={kind}&path={path}")
        assert client.response().body == sent
        client.get("/")
        assert client.response().body == b"hello"


def test_an_empty_file(site: Server, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with site.client() as client:
        client.get(f"/special-file?kind=path&path={path}")
        answer = client.response()
        assert (answer.status, answer.body, answer.get("Content-Length")) == (200, b"", "0")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("path", ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_files_that_have_no_size_are_read_to_their_end(site: Server, path: str) -> None:
    if not Path(path).exists():
        pytest.skip(f"there is no {path} here")
    with site.client() as client:
        client.get(f"/special-file?kind=path&path={path}")
        assert client.response().body == Path(path).read_bytes() != b""


def test_the_object_is_closed(site: Server) -> None:
    before = len(site.log.matching("app: closed the file-like object"))
    with site.client() as client:
        client.get("/file?kind=like")
        client.response()
    site.log.wait_for("app: closed the file-like object", before + 1)


def test_a_client_that_leaves_does_no_harm(site: Server) -> None:
    with site.client() as client:
        client.get("/file")
        client.some()
    assert site.get("/") == (200, b"hello")


def test_without_sendfile_it_is_the_same(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--no-sendfile")
    with server.client() as client:
        client.get("/file?offset=5")
        assert client.response().body == CONTENT[5:]
