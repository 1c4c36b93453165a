"""Sending clients on from clear text to TLS (`redirect_http`), and keeping them there (`hsts`)."""

from __future__ import annotations

import re
import signal
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e import secure
from e2e.client import Client
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.client import Response
    from e2e.server import Serve, Server

TYPES = {
    "sync": ("tls_app",),
    "gthread, preloaded": ("tls_app", "-k", "gthread", "--preload"),
    "asgi": ("tls_app:asgi", "-k", "asgi"),
}


def ports(server: Server) -> tuple[int, int]:
    """Where TLS is spoken, and where clients are sent on to it."""
    found = server.log.wait_for(
        r"Listening at: https://127\.0\.0\.1:(\d+),http://127\.0\.0\.1:(\d+)"
    )
    return int(found[1]), int(found[2])


def in_clear(connection: socket.socket) -> Client:
    """A connection without TLS, also where other tests come with it."""
    connection.settimeout(PATIENCE)
    return Client(connection)


def over_tcp(port: int) -> Client:
    return in_clear(socket.create_connection(("127.0.0.1", port), PATIENCE))


def over_unix(path: Path) -> Client:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(str(path))
    return in_clear(connection)


def asked(connect: Callable[[], Client], method: str, path: str, *, body: bytes = b"") -> Response:
    """The answer to one request, after which the connection ends."""
    with connect() as client:
        client.request(method, path, body=body)
        answer = client.response()
        assert client.is_closed()
    assert answer.get("Strict-Transport-Security") is None
    return answer


@pytest.mark.parametrize("kind", TYPES)
def test_clients_are_sent_on(kind: str, serve: Serve, tmp_path: Path) -> None:
    server = serve(
        *TYPES[kind], *secure.arguments(), "--access-logfile", "-", "--hsts", "600",
        "--redirect-http", "localhost:0", "--redirect-http", f"unix:{tmp_path}/plain",
    )  # fmt: skip
    tls, plain = ports(server)
    for connect in (lambda: over_tcp(plain), lambda: over_unix(tmp_path / "plain")):
        answer = asked(connect, "GET", "/a%20b?c=d")
        assert (answer.status, answer.get("Location")) == (
            301,
            f"https://localhost:{tls}/a%20b?c=d",
        )
        answer = asked(connect, "POST", "/form", body=b"x" * 100_000)
        assert (answer.status, answer.get("Location")) == (308, f"https://localhost:{tls}/form")
    with over_tcp(plain) as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.response().status == 400
    server.output.wait_for(r'"GET /a%20b\?c=d HTTP/1\.1" 301 \d+')
    server.output.wait_for(r'"POST /form HTTP/1\.1" 308 \d+')
    server.output.wait_for(r'"GET / HTTP/1\.0" 400 \d+')
    # None of them was the application's; the next one is.
    raw = socket.create_connection(("127.0.0.1", tls), PATIENCE)
    with Client(secure.SecureSocket(raw, secure.context(), "localhost")) as client:  # type: ignore[arg-type]
        client.get("/", close=True)
        answer = client.response()
    assert (answer.status, answer.get("Strict-Transport-Security")) == (200, "max-age=600")


def test_a_reload_follows_the_addresses(serve: Serve, tmp_path: Path) -> None:
    conf = tmp_path / "conf.py"
    conf.write_text(f"redirect_http = 'unix:{tmp_path}/one'\nredirect_http_port = 443\n")
    server = serve("tls_app", *secure.arguments(), "-c", str(conf))
    server.log.wait_for("Booting worker")
    answer = asked(lambda: over_unix(tmp_path / "one"), "GET", "/")
    assert answer.get("Location") == "https://localhost/"
    conf.write_text(f"redirect_http = ['unix:{tmp_path}/one', 'unix:{tmp_path}/two']\n")
    server.send(signal.SIGHUP)
    server.log.wait_for(re.escape(f"unix:{tmp_path}/one,unix:{tmp_path}/two"))
    asked(lambda: over_unix(tmp_path / "two"), "GET", "/")
    conf.write_text("")
    server.send(signal.SIGHUP)
    server.log.wait_for("Listening at:", 3)
    for name in ("one", "two"):
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("http2", [False, True])
def test_browsers_are_told_to_stay_with_tls(http2: bool, serve: Serve) -> None:
    server = serve(
        "tls_app", *secure.arguments(), "--http-protocols", "h2,h1", "--limit-request-body", "10",
        "--hsts", "max-age=600; includeSubDomains", tracebacks=True,
    )  # fmt: skip
    url = f"https://localhost:{server.port}"
    with httpx.Client(http2=http2, verify=secure.shared().context(), timeout=PATIENCE) as client:
        answers = [
            client.get(url),
            client.get(f"{url}/fails"),
            client.post(url, content=b"x" * 100),
            client.get(f"{url}/hsts"),
        ]
    assert {each.http_version for each in answers} == {"HTTP/2" if http2 else "HTTP/1.1"}
    assert [each.status_code for each in answers] == [200, 500, 413, 204]
    said = [each.headers.get_list("Strict-Transport-Security") for each in answers]
    assert said == [["max-age=600; includeSubDomains"]] * 3 + [["max-age=1"]]
    # What is said in clear text is not believed (RFC 6797, section 7.2).
    with over_tcp(server.port) as client_in_clear:
        client_in_clear.get("/")
        answer = client_in_clear.response()
    assert (answer.status, answer.get("Strict-Transport-Security")) == (400, None)
