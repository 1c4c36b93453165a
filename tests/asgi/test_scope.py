"""The scope of a request (ASGI 3.0, HTTP & WebSocket 2.5, Connection Scope)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from e2e import transport
from e2e.client import Client

if TYPE_CHECKING:
    from asgi.conftest import Start
    from e2e.server import Server

Scope = dict[str, Any]


def scope_of(client: Client, target: str, *fields: str, method: str = "GET") -> Scope:
    """The scope of a request for a target, on this connection."""
    client.request(method, target, *fields)
    answer = client.response(method)
    assert answer.status == 200
    return dict(ast.literal_eval(answer.body.decode()))


def test_every_key(site: Server) -> None:
    with site.client() as client:
        scope = scope_of(client, "/scope?a=%20b&c", "X-Twice: 1", "x-tWICE: 2", "Accept: */*")
        peer = client.socket.getsockname()
    assert scope["type"] == "http"
    assert scope["asgi"]["version"] == "3.0"
    assert scope["http_version"] == transport.PROTOCOL.removeprefix("HTTP/")
    assert scope["method"] == "GET"
    assert scope["scheme"] == transport.SCHEME
    assert scope["path"] == "/scope"
    assert scope["raw_path"] == b"/scope"
    assert scope["query_string"] == b"a=%20b&c"
    assert scope["root_path"] == ""
    # Names in lower case, in the order in which they came, repeated ones too.
    assert [tuple(each) for each in scope["headers"]] == [
        (b"host", b"localhost"),
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
        (b"accept", b"*/*"),
    ]
    assert tuple(scope["client"]) == peer
    assert tuple(scope["server"]) == ("127.0.0.1", site.port)
    assert scope["state"] == {}


def test_the_version_of_the_specification(site: Server) -> None:
    """From 2.4, a `send` after the client has left raises OSError, which frameworks rely on."""
    with site.client() as client:
        version = scope_of(client, "/scope")["asgi"]["spec_version"]
    assert tuple(map(int, version.split("."))) >= (2, 4)


def test_extensions(site: Server) -> None:
    with site.client() as client:
        extensions = scope_of(client, "/scope", "TE: trailers")["extensions"]
    assert {
        "http.response.early_hint",
        "http.response.pathsend",
        "http.response.trailers",
        "http.response.zerocopysend",
    } <= set(extensions)
    assert all(isinstance(each, dict) for each in extensions.values())


def test_a_request_finds_nothing_of_the_one_before(site: Server) -> None:
    """What an application does to its scope is seen by that request alone."""
    with site.client() as client:
        first = scope_of(client, "/scope", "X-One: 1")
        assert scope_of(client, "/scope", "X-One: 1") == first
        assert "spoilt" not in scope_of(client, "/scope", "X-One: 1").get("extensions", {})
    with site.client() as client:
        assert scope_of(client, "/scope")["state"] == {}


@pytest.mark.parametrize(
    "deed",
    [
        "nothing",
        "key",
        "value",
        "missing",
        "moved",
        "client",
        "asgi",
        "extensions",
        "state",
        "field",
        "other field",
        "kept",
        "kept fields",
        "kept state",
        "kept in a cycle",
    ],
)
def test_the_same_head_again(site: Server, deed: str) -> None:
    """Objects that no other request has, as they should be, whatever was done to those before."""
    shown = []
    with site.client() as client:
        for _ in range(8):
            client.get(f"/deed?{quote(deed)}")
            shown.append(ast.literal_eval(client.response().body.decode()))
    assert shown == [(shown[0][0], False)] * 8


def test_the_same_head_from_another_client(site: Server) -> None:
    with site.client() as one, site.client() as other:
        for client in (one, other) * 4:
            client.get("/deed?nothing")
            scope, _ = ast.literal_eval(client.response().body.decode())
            assert tuple(scope["client"]) == client.socket.getsockname()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "REPORT"])
def test_methods(site: Server, method: str) -> None:
    with site.client() as client:
        assert scope_of(client, "/scope", method=method)["method"] == method


def test_http_1_0(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/scope", version="1.0")
        answer = client.response()
        assert ast.literal_eval(answer.body.decode())["http_version"] == "1.0"
        assert client.is_closed()


def test_a_path_is_decoded_and_kept_raw(site: Server) -> None:
    """`path` is percent-decoded UTF-8; `raw_path` is what came, without the query."""
    with site.client() as client:
        client.get("/sm%C3%B6rg%c3%a5s%20bord/a%2Fb?q=%C3%B6&%2F")
        path, raw, query = ast.literal_eval(client.response().body.decode())
    assert path == "/smörgås bord/a/b"
    assert raw == b"/sm%C3%B6rg%c3%a5s%20bord/a%2Fb"
    assert query == b"q=%C3%B6&%2F"


def test_header_values_are_bytes_as_they_came(site: Server) -> None:
    with site.client() as client:
        client.send(b"GET /scope HTTP/1.1\r\nHost: a\r\nX-Latin: caf\xe9 \t\r\nX-Empty:\r\n\r\n")
        headers = dict(ast.literal_eval(client.response().body.decode())["headers"])
    assert headers[b"x-latin"] == b"caf\xe9"
    assert headers[b"x-empty"] == b""


def test_an_absolute_target(site: Server) -> None:
    """RFC 9112, 3.2.2: a server takes it, and its path is the path."""
    with site.client() as client:
        scope = scope_of(client, "http://localhost/scope?x=1")
    assert (scope["path"], scope["raw_path"]) == ("/scope", b"/scope")
    assert scope["query_string"] == b"x=1"


def test_a_unix_socket(start: Start, short_tmp: str) -> None:
    """`client` has nothing to say there; `server` is the path."""
    path = f"{short_tmp}/s"
    server = start("http_app", "-b", f"unix:{path}")
    server.log.wait_for("Listening at")
    with Client.unix(path) as client:
        scope = scope_of(client, "/scope")
    assert scope["client"] is None
    assert tuple(scope["server"]) == (path, None)


def test_the_root_path(start: Start) -> None:
    """Where the application is mounted. A proxy has taken it off the path: it is put back, as
    uvicorn does."""
    server = start("http_app", "--root-path", "/mounted")
    with server.client() as client:
        scope = scope_of(client, "/scope")
    assert (scope["root_path"], scope["path"]) == ("/mounted", "/mounted/scope")


def test_what_a_trusted_proxy_says(site: Server) -> None:
    """127.0.0.1 is trusted unless `forwarded_allow_ips` says otherwise."""
    fields = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")
    with site.client() as client:
        scope = scope_of(client, "/scope", *fields)
        assert scope["client"][0] == "192.0.2.7"
        assert scope["scheme"] == "https"
        assert (b"x-forwarded-for", b"192.0.2.7") in [tuple(each) for each in scope["headers"]]
        # The next request of the connection speaks for itself.
        scope = scope_of(client, "/scope")
        assert tuple(scope["client"]) == client.socket.getsockname()
        assert scope["scheme"] == transport.SCHEME


def test_what_an_untrusted_peer_says(start: Start) -> None:
    server = start("http_app", "--forwarded-allow-ips", "192.0.2.1")
    fields = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")
    with server.client() as client:
        scope = scope_of(client, "/scope", *fields)
        assert tuple(scope["client"]) == client.socket.getsockname()
    assert scope["scheme"] == transport.SCHEME


def test_the_loop(site: Server, loop: str) -> None:
    """It is the one that was asked for, with debug mode where that was asked for."""
    status, body = site.get("/loop")
    assert status == 200
    module, debug = body.decode().split()
    assert module.partition(".")[0] == ("uvloop" if loop == "uvloop" else "asyncio")
    assert (debug == "True") == (loop == "debug")
