"""The WSGI environ: every key, and what a peer may put into it."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING

import pytest

from e2e import transport
from e2e.client import Client
from e2e.scenarios import ONE_AT_A_TIME
from e2e.transport import carried
from licorne import __version__
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

    Environ = dict[str, object]


def environ(client: Client) -> Environ:
    """The environ that the site answers for any path it does not know."""
    found: Environ = json.loads(client.response().body)
    return found


def test_every_key(site: Server, worker: str) -> None:
    with site.client() as client:
        client.request("POST", "/p%20x/%C3%A9?a=1&b=%20", "Content-Type: text/plain", body=b"1234")
        seen = environ(client)
        address, port = client.socket.getsockname()
    assert seen == {
        "wsgi.version": [1, 0],
        "wsgi.url_scheme": transport.SCHEME,
        "wsgi.input": seen["wsgi.input"],
        "wsgi.errors": seen["wsgi.errors"],
        "wsgi.multithread": worker not in ONE_AT_A_TIME,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": seen["wsgi.file_wrapper"],
        "wsgi.early_hints": seen["wsgi.early_hints"],
        "gunicorn.socket": seen["gunicorn.socket"],
        "SERVER_SOFTWARE": seen["SERVER_SOFTWARE"],
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/p x/\xc3\xa9",
        "QUERY_STRING": "a=1&b=%20",
        "RAW_URI": "/p%20x/%C3%A9?a=1&b=%20",
        "SERVER_PROTOCOL": transport.PROTOCOL,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(site.port),
        "REMOTE_ADDR": address,
        "REMOTE_PORT": str(port),
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "localhost",
        **keys_of_the_transport(seen),
    }
    assert seen["SERVER_SOFTWARE"] == f"gunicorn/27.0.1 licorne/{__version__}"


def keys_of_the_transport(seen: Environ) -> Environ:
    """What is told beside that of a connection with TLS, and of one that speaks HTTP/2."""
    keys: Environ = {}
    if transport.TLS:
        keys |= {"HTTPS": "on", "SSL_PROTOCOL": "TLSv1.3", "SSL_CLIENT_VERIFY": "NONE"}
        keys["SSL_CIPHER"] = seen["SSL_CIPHER"]
    if transport.HTTP_2:
        keys |= {"HTTP_VERSION": "2", "gunicorn.http2.priority_weight": 16}
        keys["gunicorn.http2.priority_depends_on"] = 0
        keys["gunicorn.http2.send_trailers"] = seen["gunicorn.http2.send_trailers"]
    return keys


def test_several_workers_are_told(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "-w", "2")
    with server.client() as client:
        client.get("/environ")
        assert environ(client)["wsgi.multiprocess"] is True


def test_gevents_own_server_tells_the_same(serve: Serve) -> None:
    server = serve("site_app", "-k", "gevent_pywsgi", "-w", "2")
    with server.client() as client:
        client.get("/environ")
        seen = environ(client)
    assert seen["wsgi.multithread"] is True
    assert seen["wsgi.multiprocess"] is True
    assert seen["wsgi.errors"] == "WSGIErrorsWrapper"
    assert "wsgi.file_wrapper" in seen
    said = str(seen["SERVER_SOFTWARE"])
    assert said.startswith("gevent/")
    assert said.endswith(f" gunicorn/27.0.1 licorne/{__version__}")


def test_a_configuration_assigns_the_software(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """In the environ of requests and in that of the process, as in gunicorn."""
    (tmp_path / "gunicorn.conf.py").write_text(
        "import gunicorn\ngunicorn.SERVER_SOFTWARE = 'x/1'\n"
    )
    (tmp_path / "site_app.py").write_text(
        "import os\ndef app(environ, start_response):\n    start_response('200 OK', [])\n"
        "    said = environ['SERVER_SOFTWARE'], os.environ['SERVER_SOFTWARE']\n"
        "    return [' '.join(said).encode()]\n"
    )
    assert serve("site_app:app", *args, cwd=tmp_path).get("/") == (200, b"x/1 x/1")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", None, None),
        ("/environ?", "/environ", ""),
        ("/a//b/../c", "/a//b/../c", ""),
        ("/%2Fa%3Fb", "//a?b", ""),
        ("/%zz%4", "/%zz%4", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/a;p=1", "/a;p=1", ""),
        ("/%e4%b8%ad", "/\xe4\xb8\xad", ""),
    ],
)
def test_targets(site: Server, target: str, path: str | None, query: str | None) -> None:
    with site.client() as client:
        client.get(target)
        if path is None:
            assert client.response().body == b"hello"
            return
        seen = environ(client)
    assert (seen["PATH_INFO"], seen["QUERY_STRING"], seen["RAW_URI"]) == (path, query, target)


def test_an_absolute_target(site: Server) -> None:
    """Its authority replaces Host (RFC 9112, section 3.2.2)."""
    target = "http://other.example:81/a?b"
    with site.client() as client:
        client.get(target)
        seen = environ(client)
    assert (seen["PATH_INFO"], seen["QUERY_STRING"], seen["RAW_URI"]) == ("/a", "b", target)
    assert seen["HTTP_HOST"] == "other.example:81"


def test_options_of_the_server(site: Server) -> None:
    with site.client() as client:
        client.request("OPTIONS", "*")
        seen = environ(client)
    assert (seen["REQUEST_METHOD"], seen["PATH_INFO"]) == ("OPTIONS", "*")


def test_fields_by_name(site: Server) -> None:
    with site.client() as client:
        client.get("/environ", "accept: a", "X-One:  padded \t", "X-EMPTY:", "Cookie: a=1; b=2")
        seen = environ(client)
    assert seen["HTTP_ACCEPT"] == "a"
    assert seen["HTTP_X_ONE"] == "padded"
    assert seen["HTTP_X_EMPTY"] == ""
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert "CONTENT_TYPE" not in seen
    assert "CONTENT_LENGTH" not in seen


def test_repeated_fields_are_joined(site: Server) -> None:
    with site.client() as client:
        client.get("/environ", "X-List: a", "Other: x", "x-list: b", "X-LIST: c")
        assert environ(client)["HTTP_X_LIST"] == "a,b,c"


def test_latin_1_bytes_are_kept(site: Server) -> None:
    with site.client() as client:
        client.send(b"GET /environ HTTP/1.1\r\nHost: localhost\r\nX-Name: caf\xe9 \xff\r\n\r\n")
        assert environ(client)["HTTP_X_NAME"] == "caf\xe9 \xff"


def test_a_name_with_underscore_shadows_nothing(site: Server) -> None:
    with site.client() as client:
        client.get("/environ", "X_Forwarded_For: 6.6.6.6", "X-Forwarded-For: 1.1.1.1", "A_B: 1")
        seen = environ(client)
    assert seen["HTTP_X_FORWARDED_FOR"] == "1.1.1.1"
    assert "HTTP_A_B" not in seen


def test_header_map_dangerous_lets_them_through(serve: Serve) -> None:
    server = serve("site_app", "--header-map", "dangerous")
    with server.client() as client:
        client.get("/environ", "A_B: 1")
        assert environ(client)["HTTP_A_B"] == "1"


def test_a_trusted_proxy_says_https(site: Server) -> None:
    with site.client() as client:
        client.get("/environ", "X-Forwarded-Proto: https")
        seen = environ(client)
    assert seen["wsgi.url_scheme"] == "https"
    assert seen["REMOTE_ADDR"] == "127.0.0.1"


def test_a_stranger_does_not(serve: Serve) -> None:
    server = serve("site_app", "--forwarded-allow-ips", "10.0.0.1")
    with server.client() as client:
        client.get("/environ", "X-Forwarded-Proto: https", "Script_Name: /x")
        seen = environ(client)
    assert (seen["wsgi.url_scheme"], seen["SCRIPT_NAME"]) == ("http", "")


def test_script_name_from_a_trusted_proxy(site: Server) -> None:
    with site.client() as client:
        client.get("/mounted/page", "SCRIPT_NAME: /mounted")
        seen = environ(client)
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/mounted", "/page")


def test_script_name_from_the_environment(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, environment={"SCRIPT_NAME": "/mounted"})
    with server.client() as client:
        client.get("/mounted/page")
        seen = environ(client)
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/mounted", "/page")


def test_http_1_0_is_told(site: Server) -> None:
    with site.client() as client:
        client.request("GET", "/environ", version="1.0")
        assert environ(client)["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_nothing_is_left_from_the_request_before(site: Server) -> None:
    with site.client() as client:
        fields = ["Content-Type: text/plain", "X-First: 1", "X-Forwarded-Proto: https"]
        client.request("POST", "/environ?first", *fields, body=b"first")
        client.response()
        client.get("/environ")
        seen = environ(client)
    assert not {"CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_FIRST"} & set(seen)
    assert (seen["QUERY_STRING"], seen["wsgi.url_scheme"]) == ("", transport.SCHEME)


def test_cookies_in_several_fields_are_one_list(site: Server) -> None:
    with site.client() as client:
        client.get("/p", "Cookie: a=1", "X-A: 1", "Cookie: b=2; c=3", "X-A: 2")
        seen = environ(client)
    assert seen["HTTP_COOKIE"] == "a=1; b=2; c=3"
    assert seen["HTTP_X_A"] == "1,2"


def test_a_proxy_that_a_client_names_is_none(site: Server) -> None:
    with site.client() as client:
        for name in ("Proxy", "proxy", "PROXY"):
            client.get("/p", f"{name}: http://evil.example", "Proxy-Other: kept")
            seen = environ(client)
            assert "HTTP_PROXY" not in seen
            assert seen["HTTP_PROXY_OTHER"] == "kept"


def test_the_length_of_a_chunked_body_that_a_client_sends_again(site: Server) -> None:
    """The same head, with another body behind it: nothing of the one before is used."""
    with site.client() as client:
        for size in (3, 3, 3, 12, 0, 7):
            client.get("/p", "Transfer-Encoding: chunked")
            client.send(b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size) if size else b"0\r\n\r\n")
            seen = environ(client)
            assert seen["CONTENT_LENGTH"] == str(size)
            assert "HTTP_TRANSFER_ENCODING" not in seen


def test_clients_of_two_addresses_that_send_the_same_head(site: Server) -> None:
    """What is kept of a head says nothing of the next client."""
    other = socket.create_connection(("127.0.0.1", site.port), PATIENCE, ("127.0.0.2", 0))
    with site.client() as here, Client(carried(other)) as there:
        for client in (here, here, here, there, there, here, there):
            client.get("/p")
            seen = environ(client)
            address, port = client.socket.getsockname()
            assert (seen["REMOTE_ADDR"], seen["REMOTE_PORT"]) == (address, str(port))


def test_any_harmless_host_on_a_unix_socket(
    args: tuple[str, ...], serve: Serve, short_tmp: str
) -> None:
    path = f"{short_tmp}/s"
    server = serve("site_app", *args, bind=["127.0.0.1:0", f"unix:{path}"])
    server.log.wait_for("Listening at")
    with Client.unix(path) as client:
        for host in (path, "[fe80::1%eth0]"):
            client.send(b"GET /p HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
            seen = environ(client)
            assert (seen["HTTP_HOST"], seen["SERVER_NAME"]) == (host, host)
            assert seen["SERVER_PORT"] == ("443" if transport.TLS else "80")
        client.send(b"GET /p HTTP/1.1\r\nHost: a,b\r\n\r\n")
        assert client.response().status == 400


def test_http_client_says_the_path_of_a_unix_socket(
    args: tuple[str, ...], serve: Serve, short_tmp: str
) -> None:
    path = f"{short_tmp}/s"
    server = serve("site_app", *args, bind=["127.0.0.1:0", f"unix:{path}"])
    server.log.wait_for("Listening at")
    connection = http.client.HTTPConnection(path)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    connection.close()
