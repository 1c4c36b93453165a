"""The uwsgi protocol: nginx's uwsgi_pass before every worker type, and packets made by hand."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING

import pytest
import requests

from e2e.client import Client
from e2e.front import distant_client, free_port, nginx, program
from e2e.fronted import BLOCK, KINDS, ask, bodies_and_answers, every_kind, told
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

NGINX = pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
SITE = """
    server {{
        listen 127.0.0.1:{port};
        location / {{
            include /etc/nginx/uwsgi_params;
            uwsgi_pass {upstream};
            {more}
        }}
        location /mounted/ {{
            include /etc/nginx/uwsgi_params;
            rewrite ^/mounted(/.*)$ $1 break;
            uwsgi_param SCRIPT_NAME /mounted;
            uwsgi_param REMOTE_USER jo;
            uwsgi_param HTTPS on;
            uwsgi_pass {upstream};
        }}
    }}
"""


def packet(**variables: str) -> bytes:
    """A request for WSGI."""
    texts = [text.encode("latin-1") for pair in variables.items() for text in pair]
    content = b"".join(len(text).to_bytes(2, "little") + text for text in texts)
    return b"\0" + len(content).to_bytes(2, "little") + b"\0" + content


@NGINX
@every_kind
def test_nginx(serve: Serve, kind: str, tmp_path: Path) -> None:
    app, *args = KINDS[kind]
    log = tmp_path / "access.log"
    form = ("--access-logfile", str(log), "--access-logformat", '%(h)s "%(r)s" %(s)s %(b)s')
    server = serve(app, *args, "--protocol", "uwsgi", *form, tracebacks=True)
    port = free_port()
    site = SITE.format(port=port, upstream=f"127.0.0.1:{server.port}", more="")
    with nginx(site, port, tmp_path):
        with distant_client(port) as client:
            for _ in range(2):
                # The connection with nginx is kept; those behind it are not.
                seen = ask(client, "/caf%C3%A9?a=1", "X-Forwarded-Proto: https", "X-Own: here")
                assert seen["PATH_INFO"] in {"/café", "/cafÃ©"}
                assert (seen["QUERY_STRING"], seen["HTTP_X_OWN"]) == ("a=1", "here")
                assert seen["HTTP_HOST"] == "localhost"
                # What the client makes up about itself does not count.
                assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("127.0.0.2", "http")
            seen = ask(client, "/mounted/page")
            assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/mounted", "/page")
            assert seen["wsgi.url_scheme"] == "https"
            if kind != "asgi":
                assert (seen["REMOTE_USER"], seen["RAW_URI"]) == ("jo", "/mounted/page")
                assert seen["SERVER_PROTOCOL"] == "HTTP/1.1"
        bodies_and_answers(f"http://127.0.0.1:{port}")
        _body_in_pieces(f"http://127.0.0.1:{port}")
    server.log.wait_for(r"X-FORWARDED-PROTO from 127\.0\.0\.2 was ignored")
    first = log.read_text().splitlines()[0]
    assert first.startswith('127.0.0.2 "GET /caf%C3%A9?a=1 HTTP/1.1" 200 ')


def _body_in_pieces(url: str) -> None:
    body = bytes(range(256)) * 4000
    digest = hashlib.sha256(body).hexdigest()
    pieces = (body[at : at + 100_000] for at in range(0, len(body), 100_000))
    assert requests.post(f"{url}/", data=pieces, timeout=PATIENCE).json()["digest"] == digest


@NGINX
def test_a_unix_socket(serve: Serve, short_tmp: str, tmp_path: Path) -> None:
    path = f"{short_tmp}/s"
    server = serve("fronted_app:app", "--protocol", "uwsgi", bind=[f"unix:{path}"])
    server.log.wait_for("Booting worker")
    port = free_port()
    site = SITE.format(port=port, upstream=f"unix:{path}", more="")
    with nginx(site, port, tmp_path), distant_client(port) as client:
        seen = ask(client)
    assert (seen["REMOTE_ADDR"], seen["SERVER_NAME"]) == ("127.0.0.2", "localhost")


@NGINX
def test_a_proxy_before_nginx_that_is_trusted(serve: Serve, tmp_path: Path) -> None:
    """Forwarded fields are those of nginx's client: that it is trusted decides."""
    more = ("--forwarded-allow-ips", "127.0.0.2", "--client-address", "x-forwarded-for")
    server = serve("fronted_app:app", "--protocol", "uwsgi", *more)
    port = free_port()
    site = SITE.format(port=port, upstream=f"127.0.0.1:{server.port}", more="")
    fields = ("X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.7")
    with nginx(site, port, tmp_path), distant_client(port) as client:
        seen = ask(client, "/", *fields)
    assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("192.0.2.7", "https")


@every_kind
def test_the_connection_ends_with_the_answer(serve: Serve, kind: str) -> None:
    app, *args = KINDS[kind]
    server = serve(app, *args, "--protocol", "uwsgi")
    for sent in (packet(REQUEST_URI="/blocks"), packet(REQUEST_URI="/blocks", HTTP_EXPECT="no")):
        with server.client() as client:
            client.send(sent + b"not looked at")
            answer = client.everything()
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close" in head
        assert b"chunked" not in head
        assert body == BLOCK * 8
    with server.client() as client:
        client.send(packet(CONTENT_LENGTH="4"))
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (b"b", b"o", b"d", b"y"):
            client.send(byte)
        seen = told(client.response())
        assert (seen["length"], seen["PATH_INFO"]) == ("4", "/")
        assert client.is_closed()


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "modifier1"),
        (b"\x05\0\0\0", 501, "modifier1"),
        (b"\0\x01\0\0\x09", 400, "Invalid request variables"),
        (packet(HTTP_X="a\r\nX-Admin: 1"), 400, "Invalid request variables"),
        (packet(CONTENT_LENGTH="x"), 400, "Invalid Content-Length"),
        (packet(CONTENT_LENGTH="99999999"), 413, "too large"),
        (packet(REQUEST_METHOD="HEAD", CONTENT_LENGTH="x"), 400, "Invalid Content-Length"),
    ],
)
def test_packets_that_are_refused(serve: Serve, data: bytes, status: int, why: str) -> None:
    server = serve("fronted_app:app", "--protocol", "uwsgi", "--limit-request-body", "100000")
    with server.client() as client:
        client.send(data)
        method = "HEAD" if b"HEAD" in data else "GET"
        answer = client.response(method)
        assert (answer.status, client.is_closed()) == (status, True)
        assert answer.body.startswith(b"<html>") == (method == "GET")
    server.log.wait_for(f"Invalid request from ip=.*{why}")


def test_others_are_refused(serve: Serve) -> None:
    more = ("--uwsgi-allow-from", "127.0.0.3,10.0.0.0/8")
    server = serve("fronted_app:app", "--protocol", "uwsgi", *more)
    with server.client() as client:
        client.send(packet())
        assert client.response().status == 403
    server.log.wait_for("not in uwsgi_allow_ips")
    address, source = ("127.0.0.1", server.port), ("127.0.0.3", 0)
    with Client(socket.create_connection(address, source_address=source)) as client:
        client.send(packet(REMOTE_ADDR="192.0.2.7", REMOTE_PORT="9"))
        seen = told(client.response())
    assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == ("192.0.2.7", "9")


def test_behind_a_proxy_header(serve: Serve) -> None:
    """A balancer of bytes between nginx and the workers."""
    more = ("--protocol", "uwsgi", "--proxy-protocol", "v1")
    server = serve("fronted_app:app", *more)
    with server.client() as client:
        client.send(b"PROXY TCP4 192.0.2.7 198.51.100.9 4321 443\r\n" + packet())
        seen = told(client.response())
    assert (seen["REMOTE_ADDR"], seen["PROXY_PORT"]) == ("192.0.2.7", "443")
