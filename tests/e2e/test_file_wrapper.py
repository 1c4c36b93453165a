"""`wsgi.file_wrapper`: files by sendfile, file-like objects block by block."""

from __future__ import annotations

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
