"""The configurations of docs/web-servers.md, each with the program that it is for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests
from websockets.sync.client import connect

from e2e.front import distant_client, free_port, nginx, program, running
from e2e.pages import of, typed, words
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

#: Echoes: messages on a WebSocket, else what a proxy has a say in.
APPLICATION = """
import json

def application(environ, start_response):
    ws = environ.get("licorne.websocket")
    if ws is not None:
        ws.accept()
        for message in ws:
            ws.send(message)
        return []
    keys = ("wsgi.url_scheme", "REMOTE_ADDR", "HTTP_HOST", "SERVER_PROTOCOL")
    body = json.dumps({key: environ.get(key) for key in keys}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def first_flags(heading: str) -> list[str]:
    """The flags that the page gives licorne for this server."""
    (command,) = typed("web-servers.md", heading)
    flags = words(command)[1:-1]
    for flag in ("-w", "-b"):
        at = flags.index(flag)
        del flags[at : at + 2]
    return flags


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """The folder of the application that stands behind."""
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


def through(port: int) -> dict[str, str]:
    """What the application sees of a client at 127.0.0.2 that speaks with the proxy."""
    with distant_client(port) as client:
        client.get("/", "X-Forwarded-For: 192.0.2.7")
        answer = client.response()
    assert answer.status == 200
    seen: dict[str, str] = json.loads(answer.body)
    return seen


@pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
def test_nginx(serve: Serve, application: Path) -> None:
    """Its three sites in one nginx: as it is, with WebSockets, with static files."""
    server = serve("app", "-k", "gthread", "--threads", "4", *first_flags("nginx"), cwd=application)
    plain, unix, sockets, static = (block.text for block in of("web-servers.md", "nginx"))
    assert "unix:" in unix
    ports = [free_port() for _ in range(3)]
    folder = application / "static"
    folder.mkdir()
    (folder / "a.css").write_text("a {}")
    parts = []
    for text, port in zip((plain, sockets, static), ports, strict=True):
        assert "listen 80;" in text
        part = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
        parts.append(part.replace("/srv/shop/static/", f"{folder}/"))
    site = "\n".join(parts).replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
    with nginx(site, ports[0], application):
        for port in ports:
            seen = through(port)
            assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("127.0.0.2", "http")
            assert seen["HTTP_HOST"] == "localhost"
        with connect(f"ws://127.0.0.1:{ports[1]}/", open_timeout=PATIENCE) as socket:
            socket.send("hello")
            assert socket.recv(PATIENCE) == "hello"
        answer = requests.get(f"http://127.0.0.1:{ports[2]}/static/a.css", timeout=PATIENCE)
        assert (answer.text, answer.headers["Cache-Control"]) == ("a {}", "max-age=3600")


@pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
def test_nginx_by_a_unix_socket(serve: Serve, application: Path, short_tmp: str) -> None:
    path = f"{short_tmp}/l.sock"
    server = serve("app", *first_flags("nginx"), bind=(f"unix:{path}",), cwd=application)
    server.log.wait_for("Listening at: unix:")
    plain, unix = (block.text for block in of("web-servers.md", "nginx")[:2])
    port = free_port()
    site = unix.replace("/run/licorne.sock", path) + plain.partition("}\n")[2]
    with nginx(site.replace("listen 80;", f"listen 127.0.0.1:{port};"), port, application):
        assert through(port)["REMOTE_ADDR"] == "127.0.0.2"


@pytest.mark.skipif(program("haproxy") is None, reason="haproxy is not installed")
@pytest.mark.parametrize("heading", ["HAProxy", "Bytes only"])
def test_haproxy(serve: Serve, application: Path, heading: str) -> None:
    server = serve("app", *first_flags(heading), cwd=application)
    (block,) = of("web-servers.md", "haproxy", heading)
    port = free_port()
    text = block.text.replace("bind :80\n", f"bind 127.0.0.1:{port}\n")
    file = application / "haproxy.cfg"
    file.write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"))
    with running([str(program("haproxy")), "-db", "-f", str(file)], port):
        assert through(port)["REMOTE_ADDR"] == "127.0.0.2"


@pytest.mark.skipif(program("caddy") is None, reason="caddy is not installed")
def test_caddy(serve: Serve, application: Path) -> None:
    server = serve("app", *first_flags("Caddy"), cwd=application)
    (block,) = of("web-servers.md", "caddyfile")
    port = free_port()
    # Without a name there is no certificate to ask for.
    text = block.text.replace("shop.example {", f"http://:{port} {{\n\tbind 127.0.0.1")
    file = application / "Caddyfile"
    options = "{\n\tadmin off\n}\n"
    file.write_text(options + text.replace("127.0.0.1:8000", f"127.0.0.1:{server.port}"))
    home = [f"{name}={application}" for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")]
    caddy = [str(program("caddy")), "run", "--adapter", "caddyfile", "--config", str(file)]
    with running(["env", *home, *caddy], port):
        seen = through(port)
    # What the client has made up is not passed on.
    assert (seen["REMOTE_ADDR"], seen["HTTP_HOST"]) == ("127.0.0.2", "localhost")
