"""FastCGI: nginx's fastcgi_pass before every worker type, and records made by hand."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from e2e.front import distant_client, free_port, nginx, program, running
from e2e.fronted import BLOCK, KINDS, ask, bodies_and_answers, every_kind

if TYPE_CHECKING:
    from e2e.server import Serve

NGINX = pytest.mark.skipif(program("nginx") is None, reason="nginx is not installed")
SITE = """
    upstream application {{ server {upstream}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            include /etc/nginx/fastcgi_params;
            fastcgi_pass application;
            fastcgi_keep_conn {keep};
        }}
        location /mounted/ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_split_path_info ^(/mounted)(/.*)$;
            fastcgi_param PATH_INFO $fastcgi_path_info;
            fastcgi_param REMOTE_USER jo;
            fastcgi_param HTTPS on;
            fastcgi_pass application;
        }}
    }}
"""
APACHE = program("apache2")
APACHE_CONFIGURATION = """
ServerRoot {root}
Listen 127.0.0.1:{port}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
Mutex file:{folder} default
DefaultRuntimeDir {folder}
User #65534
Group #65534
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_fcgi_module modules/mod_proxy_fcgi.so
ProxyPass "/" "fcgi://127.0.0.1:{upstream}/" enablereuse={reuse}
"""
BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, GET_VALUES, RESULT = 1, 2, 3, 4, 5, 6, 9, 10


def record(kind: int, number: int, content: bytes = b"") -> bytes:
    """A record of a request."""
    front = bytes([1, kind]) + number.to_bytes(2, "big") + len(content).to_bytes(2, "big")
    return front + b"\0\0" + content


def request(number: int, body: bytes = b"", keep: bool = False, **variables: str) -> bytes:
    """A request for a responder."""
    pairs = b"".join(
        bytes([len(name), len(value)]) + name.encode() + value.encode()
        for name, value in variables.items()
    )
    begin = record(BEGIN, number, bytes([0, 1, keep, 0, 0, 0, 0, 0]))
    params = record(PARAMS, number, pairs) if pairs else b""
    stdin = record(STDIN, number, body) if body else b""
    return begin + params + record(PARAMS, number) + stdin + record(STDIN, number)


class Records:
    """The records that come on a connection."""

    def __init__(self, client: Client) -> None:
        self._file = client.socket.makefile("rb")

    def next(self) -> tuple[int, int, bytes] | None:
        """Type, number and content of the next one; None at the end of the connection."""
        front = self._file.read(8)
        if not front:
            return None
        kind, number, length = front[1], front[3], int.from_bytes(front[4:6], "big")
        content = self._file.read(length)
        assert len(self._file.read(front[6])) == front[6]
        return kind, number, content

    def answer(self, number: int) -> bytes:
        """The output of a request, up to its end."""
        output = b""
        for kind, of, content in iter(self.next, None):
            assert of == number
            if kind == END:
                assert content == bytes(8)
                return output
            assert kind == STDOUT
            output += content
        raise AssertionError("the request has no end")


@NGINX
@every_kind
@pytest.mark.parametrize("keep", ["on", "off"])
def test_nginx(serve: Serve, kind: str, keep: str, tmp_path: Path) -> None:
    app, *args = KINDS[kind]
    log = tmp_path / "access.log"
    form = ("--access-logfile", str(log), "--access-logformat", '%(h)s "%(r)s" %(s)s %(b)s')
    server = serve(app, *args, "--protocol", "fastcgi", *form, tracebacks=True)
    port = free_port()
    site = SITE.format(port=port, upstream=f"127.0.0.1:{server.port}", keep=keep)
    with nginx(site, port, tmp_path):
        with distant_client(port) as client:
            for _ in range(3):
                seen = ask(client, "/caf%C3%A9?a=1", "X-Forwarded-Proto: https", "X-Own: here")
                assert seen["PATH_INFO"] in {"/café", "/cafÃ©"}
                assert (seen["QUERY_STRING"], seen["HTTP_X_OWN"]) == ("a=1", "here")
                assert (seen["SCRIPT_NAME"], seen["HTTP_HOST"]) == ("", "localhost")
                # What the client makes up about itself does not count.
                assert (seen["REMOTE_ADDR"], seen["wsgi.url_scheme"]) == ("127.0.0.2", "http")
            seen = ask(client, "/mounted/page")
            assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/mounted", "/page")
            assert seen["wsgi.url_scheme"] == "https"
            if kind != "asgi":
                assert (seen["REMOTE_USER"], seen["RAW_URI"]) == ("jo", "/mounted/page")
                assert seen["SERVER_PROTOCOL"] == "HTTP/1.1"
        bodies_and_answers(f"http://127.0.0.1:{port}")
    first = log.read_text().splitlines()[0]
    assert first.startswith('127.0.0.2 "GET /caf%C3%A9?a=1 HTTP/1.1" 200 ')


@every_kind
def test_a_kept_connection(serve: Serve, kind: str) -> None:
    app, *args = KINDS[kind]
    server = serve(app, *args, "--protocol", "fastcgi")
    with server.client() as client:
        records = Records(client)
        for number in (1, 2, 3):
            client.send(request(number, b"body", keep=True, CONTENT_LENGTH="4", REQUEST_URI="/x"))
            head, _, body = records.answer(number).partition(b"\r\n\r\n")
            assert head.startswith(b"Status: 200 OK\r\n")
            assert b"Connection" not in head
            assert b'"length": "4"' in body
        # Two at once are answered one after the other.
        client.send(request(4, keep=True, REQUEST_URI="/blocks") + request(5, REQUEST_URI="/x"))
        assert records.answer(4).partition(b"\r\n\r\n")[2] == BLOCK * 8
        assert b'"PATH_INFO": "/x"' in records.answer(5)
        assert records.next() is None


def test_questions_and_requests_that_are_turned_away(serve: Serve) -> None:
    server = serve("fronted_app:app", "--protocol", "fastcgi")
    with server.client() as client:
        records = Records(client)
        client.send(record(GET_VALUES, 0, b"\x0f\0FCGI_MPXS_CONNS"))
        assert records.next() == (RESULT, 0, b"\x0f\x01FCGI_MPXS_CONNS0")
        one = request(1, REQUEST_URI="/one")
        begin, rest = one[:16], one[16:]
        client.send(begin + request(2, REQUEST_URI="/two"))
        assert records.next() == (END, 2, bytes([0, 0, 0, 0, 1, 0, 0, 0]))
        client.send(rest)
        assert b'"PATH_INFO": "/one"' in records.answer(1)


@pytest.mark.parametrize("path", ["/raises-in-body", "/too-few"])
def test_an_answer_that_is_cut_short(serve: Serve, path: str) -> None:
    """It has no end, so that the web server knows."""
    server = serve("faulty_app", "--protocol", "fastcgi", tracebacks=True)
    with server.client() as client:
        client.send(request(1, keep=True, REQUEST_URI=path))
        kinds = [each[0] for each in iter(Records(client).next, None)]
    assert kinds
    assert END not in kinds


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        (request(1, HTTP_X="a\r\nX-Admin: 1"), 400, "Invalid request variables"),
        (request(1, b"too long", CONTENT_LENGTH="4"), 400, "longer than CONTENT_LENGTH"),
        (request(1, b"abc", CONTENT_LENGTH="4"), 400, "ended inside the request body"),
        (request(1)[:16] + record(ABORT, 1), 400, "aborted"),
        (request(1, CONTENT_LENGTH="99999999"), 413, "too large"),
        (request(1, REQUEST_METHOD="HEAD", CONTENT_LENGTH="99999999"), 413, "too large"),
    ],
)
def test_requests_that_are_refused(serve: Serve, data: bytes, status: int, why: str) -> None:
    server = serve("fronted_app:app", "--protocol", "fastcgi", "--limit-request-body", "100000")
    with server.client() as client:
        client.send(data)
        records = Records(client)
        answer = records.answer(1)
        assert answer.startswith(f"Status: {status} ".encode())
        # The answer to HEAD has no content.
        assert (b"<html>" in answer) == (b"HEAD" not in data)
        assert records.next() is None
    server.log.wait_for(f"Invalid request from ip=.*{why}")


def test_others_are_refused(serve: Serve) -> None:
    more = ("--fastcgi-allow-from", "127.0.0.3,10.0.0.0/8")
    server = serve("fronted_app:app", "--protocol", "fastcgi", *more)
    with server.client() as client:
        client.send(request(1))
        # It has not come to a request.
        assert client.response().status == 403
    server.log.wait_for("not in fastcgi_allow_ips")
    address, source = ("127.0.0.1", server.port), ("127.0.0.3", 0)
    with Client(socket.create_connection(address, source_address=source)) as client:
        client.send(request(1, REMOTE_ADDR="192.0.2.7", REMOTE_PORT="9"))
        assert b'"REMOTE_ADDR": "192.0.2.7"' in Records(client).answer(1)


def test_http_on_its_port(serve: Serve) -> None:
    server = serve("fronted_app:app", "--protocol", "fastcgi")
    with server.client() as client:
        client.get("/")
        assert client.response().status == 400
    server.log.wait_for("Invalid FastCGI record")


@pytest.mark.skipif(APACHE is None, reason="apache2 is not installed")
@every_kind
@pytest.mark.parametrize("reuse", ["on", "off"])
def test_apache(serve: Serve, kind: str, reuse: str, tmp_path: Path) -> None:
    app, *args = KINDS[kind]
    server = serve(app, *args, "--protocol", "fastcgi", tracebacks=True)
    port = free_port()
    root = Path(str(APACHE)).parents[1] / "lib" / "apache2"
    text = APACHE_CONFIGURATION.format(
        root=root, folder=tmp_path, port=port, upstream=server.port, reuse=reuse
    )
    configuration = tmp_path / "apache.conf"
    configuration.write_text(text, encoding="ascii")
    with running([str(APACHE), "-DFOREGROUND", "-f", str(configuration)], port):
        with distant_client(port) as client:
            seen = ask(client, "/caf%C3%A9?a=1", "X-Own: here")
        assert seen["PATH_INFO"] in {"/café", "/cafÃ©"}
        assert (seen["QUERY_STRING"], seen["HTTP_X_OWN"]) == ("a=1", "here")
        assert (seen["SCRIPT_NAME"], seen["REMOTE_ADDR"]) == ("", "127.0.0.2")
        bodies_and_answers(f"http://127.0.0.1:{port}")
