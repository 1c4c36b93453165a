"""TLS on every worker type: what is served, what an application is told, and what is refused."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect as open_websocket

from e2e import secure
from e2e.client import Client
from e2e.conftest import WORKERS
from e2e.scrape import Page
from e2e.secure import Files, SecureSocket
from e2e.server import Server
from faults.processes import eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.server import Serve

METRICS = ("--metrics-bind", "127.0.0.1:0")
TYPES = {
    **{name: ("tls_app", *args) for name, args in WORKERS.items() if name != "tornado"},
    "asgi": ("tls_app:asgi", "-k", "asgi"),
}
#: Some worker types are enough for what the engine alone does.
FEW = {name: TYPES[name] for name in ("sync", "gthread", "asgi")}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An authority of the test's own."""
    return Files(tmp_path)


@pytest.fixture(scope="session")
def shared_tls(sites: dict[str, Server]) -> Callable[[str], Server]:
    """A server with TLS of each type, for tests that leave no trace."""

    def of(kind: str) -> Server:
        name = f"tls {kind}"
        if name not in sites:
            sites[name] = Server(*TYPES[kind], *secure.arguments())
        return sites[name]

    return of


@pytest.fixture(params=list(TYPES))
def server(request: pytest.FixtureRequest, shared_tls: Callable[[str], Server]) -> Server:
    """One of each worker type in turn."""
    return shared_tls(request.param)


@pytest.fixture(params=list(FEW))
def few(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The application and arguments of some worker types."""
    return FEW[request.param]


def connect(server: Server, context: ssl.SSLContext, name: str = "localhost") -> Client:
    """A connection with TLS."""
    raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    return Client(SecureSocket(raw, context, name))  # type: ignore[arg-type]


def told(server: Server, context: ssl.SSLContext) -> dict[str, object]:
    """What the application was told of a request."""
    with connect(server, context) as client:
        client.get("/", close=True)
        found: dict[str, object] = json.loads(client.response().body)
    return found


def refused(*args: str) -> str:
    """What `--check-config` says of settings that a start refuses too, in the same words."""
    said = []
    for extra in (["--check-config"], []):
        done = subprocess.run(
            [sys.executable, "-m", "licorne", "-b", "127.0.0.1:0", *extra, *args, "tls_app"],
            cwd=Path(__file__).with_name("apps"),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        said += re.findall(r"^Error: (.*)", done.stderr, re.MULTILINE)
    assert len(said) == 2
    assert said[0] == said[1]
    return said[0]


def test_curl(server: Server) -> None:
    ca = secure.shared().ca
    url = f"https://localhost:{server.port}"
    done = subprocess.run(
        ["curl", "-sS", "--cacert", ca, url, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "https" in done.stdout


def test_http2_is_agreed_on(few: tuple[str, ...], serve: Serve) -> None:
    """By ALPN, if it is served; a client that does not ask for it gets HTTP/1.1."""
    server = serve(*few, *secure.arguments(), "--http-protocols", "h2,h1")
    for asked, version in (("--http2", "2"), ("--http1.1", "1.1"), ("--no-alpn", "1.1")):
        done = subprocess.run(
            [
                "curl", "-sS", "--cacert", secure.shared().ca, asked, "-o", "/dev/null",
                "-w", "%{http_version} %{http_code}", f"https://localhost:{server.port}",
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )  # fmt: skip
        assert done.stdout == f"{version} 200", done.stderr


def test_httpx(server: Server) -> None:
    with httpx.Client(verify=secure.context(), timeout=PATIENCE) as client:
        for _ in range(3):
            answer = client.get(f"https://localhost:{server.port}/")
            assert answer.status_code == 200
        body = b"y" * 300_000
        assert client.post(f"https://localhost:{server.port}/echo", content=body).content == body


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions(server: Server, version: ssl.TLSVersion) -> None:
    context = secure.shared().context()
    context.minimum_version = context.maximum_version = version
    with connect(server, context) as client:
        for _ in range(2):
            client.get("/")
            assert client.response().status == 200
        client.get("/large", close=True)
        assert len(client.response().body) == 3_000_000
        # `close_notify` came before the end of TCP.
        assert client.everything() == b""


def test_older_versions_are_not_spoken(server: Server) -> None:
    context = secure.shared().context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.deprecated_call():
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        connect(server, context)


def test_what_an_application_is_told(server: Server) -> None:
    found = told(server, secure.context())
    if "tls" in found:
        assert found["scheme"] == "https"
        assert found["tls"] == {
            "server_cert": None,
            "client_cert_chain": [],
            "client_cert_name": None,
            "client_cert_error": None,
            "tls_version": 0x0304,
            "cipher_suite": 0x1302,
        }
        return
    assert found["wsgi.url_scheme"] == "https"
    assert found["HTTPS"] == "on"
    assert found["SSL_PROTOCOL"] == "TLSv1.3"
    assert found["SSL_CIPHER"] == "TLS_AES_256_GCM_SHA384"
    assert found["SSL_CLIENT_VERIFY"] == "NONE"


def test_http_without_tls_is_told_so(server: Server) -> None:
    with Client(socket.create_connection(("127.0.0.1", server.port))) as client:
        client.get("/")
        answer = client.response()
        assert answer.status == 400
        assert b"This port speaks HTTPS" in answer.body
        assert client.is_closed()


def test_garbage_is_told_of_and_ends(server: Server) -> None:
    with Client(socket.create_connection(("127.0.0.1", server.port))) as client:
        client.send(b"\x00\x01\x02" * 100)
        assert client.everything()[:1] == b"\x15"
    server.log.wait_for(r"\[WARNING\] TLS with ip=127\.0\.0\.1: ")
    assert told(server, secure.context())


def test_a_client_that_rejects_the_certificate(server: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server, ssl.create_default_context())
    assert told(server, secure.context())


def test_a_connection_may_end_without_a_goodbye(server: Server) -> None:
    for when in ("handshake", "head", "body"):
        raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        if when == "handshake":
            raw.sendall(b"\x16\x03\x01\x02\x00\x01")
        else:
            client = Client(SecureSocket(raw, secure.context()))  # type: ignore[arg-type]
            length = "Content-Length: 100\r\n\r\nx" if when == "body" else ""
            client.send(f"POST /echo HTTP/1.1\r\nHost: a\r\n{length}".encode())
        raw.close()
    assert told(server, secure.context())


def test_slow_clients_keep_others_waiting_for_nothing(few: tuple[str, ...], serve: Serve) -> None:
    """One byte at a time, and then none: in the handshake, the head and the body."""
    server = serve(*few, *secure.arguments(), "--header-timeout", "3", "--body-timeout", "3")
    sockets = [socket.create_connection(("127.0.0.1", server.port), PATIENCE) for _ in range(6)]
    context = secure.context()
    for raw in sockets[:3]:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with pytest.raises(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
        raw.sendall(outgoing.read()[:100])
    slow = [SecureSocket(raw, context) for raw in sockets[3:]]
    slow[0].sendall(b"GET / HT")
    slow[1].sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
    assert told(server, context)
    for raw in sockets[:3]:
        assert raw.recv(100) == b""
    assert slow[0].recv(1000).startswith(b"HTTP/1.1 408 ")
    if "asgi" not in few:
        assert slow[1].recv(1000).startswith(b"HTTP/1.1 408 ")
    server.log.wait_for("its handshake was not over within header_timeout")
    for raw in sockets:
        raw.close()


def test_a_slow_reader(few: tuple[str, ...], serve: Serve) -> None:
    server = serve(*few, *secure.arguments())
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", server.port))
    with Client(SecureSocket(raw, secure.context())) as client:  # type: ignore[arg-type]
        client.get("/large")
        assert told(server, secure.context())
        assert client.response().body == b"x" * 3_000_000


def test_websocket(serve: Serve) -> None:
    server = serve(*TYPES["asgi"], *secure.arguments())
    url = f"wss://localhost:{server.port}/"

    async def talk() -> str | bytes:
        # Not websockets' own threads: Python's ssl may lose bytes where two use one connection.
        async with open_websocket(url, ssl=secure.context(), open_timeout=PATIENCE) as websocket:
            await websocket.send("hello")
            return await websocket.recv()

    for _ in range(20):
        assert asyncio.run(talk()) == "wss hello"


def test_certificates_of_clients(few: tuple[str, ...], serve: Serve, files: Files) -> None:
    server = serve(*few, *_arguments(files), "--ca-certs", files.ca, "--cert-reqs", "2")
    context = files.context()
    context.load_cert_chain(*files.pair("me.example", "you@b.example"))
    found = told(server, context)
    if "asgi" in few:
        extension: dict[str, object] = found["tls"]  # type: ignore[assignment]
        chain: list[str] = extension["client_cert_chain"]  # type: ignore[assignment]
        assert chain[0].startswith("-----BEGIN CERTIFICATE-----\n")
        assert "OU=Testing cert" in str(extension["client_cert_name"])
    else:
        pem = str(found["SSL_CLIENT_CERT"])
        certificate = Path(files.pair("other.example")[0]).parent / "me.example.pem"
        expected = certificate.read_text().partition("-----END")[0]
        assert pem.startswith(expected)
        assert found["SSL_CLIENT_VERIFY"] == "SUCCESS"
        assert found["SSL_CLIENT_SAN_DNS_0"] == "me.example"
        assert found["SSL_CLIENT_SAN_Email_0"] == "you@b.example"
        serial = _openssl("x509", "-in", str(certificate), "-noout", "-serial", "-enddate")
        assert f"serial={found['SSL_CLIENT_M_SERIAL']}\n" in serial
        assert f"notAfter={found['SSL_CLIENT_V_END']}\n" in serial
        subject = _openssl(
            "x509", "-in", str(certificate), "-noout", "-subject", "-nameopt", "RFC2253"
        )
        assert subject.strip() == f"subject={found['SSL_CLIENT_S_DN']}"
    # With none, and with one of a stranger.
    stranger = trustme.CA().issue_cert("me.example")
    strange = files.context()
    stranger.configure_cert(strange)
    for bad in (files.context(), strange):
        with pytest.raises((ssl.SSLError, AssertionError, ConnectionError)):
            told(server, bad)
    server.log.wait_for("cert_reqs demands one|signed by none of ca_certs")


def test_a_certificate_that_is_optional(few: tuple[str, ...], serve: Serve, files: Files) -> None:
    server = serve(*few, *_arguments(files), "--ca-certs", files.ca, "--cert-reqs", "1")
    assert told(server, files.context())


def test_sessions_go_on_with_another_worker(serve: Serve) -> None:
    server = serve(*TYPES["sync"], *secure.arguments(), "-w", "4")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = secure.shared().context()
        context.minimum_version = context.maximum_version = version
        session = None
        reused = []
        for _ in range(8):
            raw = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                while tls.recv(65536):
                    pass
                reused.append(tls.session_reused)
                session = tls.session
        assert reused == [False] + [True] * 7


def test_certificates_by_name(few: tuple[str, ...], serve: Serve, files: Files) -> None:
    first = files.pair("localhost")
    second = files.pair("*.b.example", stem="second")
    folder = Path(files.ca).parent / "folder"
    folder.mkdir()
    for path in files.pair("c.example", stem="third"):
        shutil.move(path, folder)
    server = serve(
        *few, "--certfile", first[0], "--keyfile", first[1],
        "--cert", f"a.b.example;d.example={','.join(second)}", "--cert", str(folder),
    )  # fmt: skip
    names = {"localhost": "localhost", "a.b.example": "*.b.example", "c.example": "c.example"}
    names |= {"d.example": "*.b.example", "unknown.example": "localhost"}
    context = files.context()
    context.check_hostname = False
    for asked, shown in names.items():
        assert _shown(server, context, asked) == shown, asked


def test_files_that_change_are_served_without_a_restart(serve: Serve, files: Files) -> None:
    certificate, key = files.pair("localhost", stem="own")
    server = serve(
        "site_app", *WORKERS["sync"], "--certfile", certificate, "--keyfile", key, "-w", "2"
    )  # fmt: skip
    workers = {server.worker_pid(number) for number in (1, 2)}
    with connect(server, files.context()) as kept:
        kept.get("/")
        kept.response()
        files.pair("localhost", stem="own")
        renewed = _serial_of(certificate)
        server.log.wait_for("Certificates have changed, new connections get them: localhost")
        eventually(
            lambda: _serials(server, files) == {(worker, renewed) for worker in workers},
            "all workers show the new one",
        )
        # What was open before goes on.
        kept.get("/")
        assert kept.response().status == 200
    # A bad pair: the one in use goes on, and one line says why.
    shutil.copy(files.pair("x.example")[1], key)
    server.log.wait_for("Certificates have changed and are not used, the old ones go on: .*keyfile")
    assert {serial for _, serial in _serials(server, files)} == {renewed}


def test_a_certificate_that_comes_into_a_folder_is_served(serve: Serve, files: Files) -> None:
    folder = Path(files.ca).parent / "folder"
    folder.mkdir()
    for path in files.pair("localhost", stem="first"):
        shutil.move(path, folder)
    server = serve(*TYPES["sync"], "--cert", str(folder))
    context = files.context()
    context.check_hostname = False
    assert _shown(server, context, "second.example") == "localhost"
    for path in files.pair("second.example", stem="second"):
        shutil.move(path, folder)
    server.log.wait_for("Certificates have changed, new connections get them: .*second.example")
    eventually(lambda: _shown(server, context, "second.example") == "second.example", "it is shown")
    assert _shown(server, context, "localhost") == "localhost"


def test_operators_see_when_certificates_end(serve: Serve, short_tmp: str) -> None:
    control = f"{short_tmp}/ctl"
    server = serve(*TYPES["sync"], *secure.arguments(), *METRICS, "--control-socket", control)
    assert told(server, secure.context())
    end = _openssl("x509", "-in", secure.arguments()[1], "-noout", "-enddate").strip()
    at = ssl.cert_time_to_seconds(end.removeprefix("notAfter="))
    page = Page(server)
    name = "licorne_certificate_expiry_timestamp_seconds"
    assert page.sum(name, certificate="localhost") == at
    done = subprocess.run(
        [sys.executable, "-m", "licorne.ctl.cli", "-s", server.control_socket(), "listeners"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    shown = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    assert f"{shown:%Y-%m-%d %H:%M:%S} UTC" in done.stdout, done.stdout + done.stderr


def test_a_certificate_that_ends_soon(serve: Serve, tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    _self_signed(certificate, key, days=5)
    server = serve(*TYPES["sync"], "--certfile", str(certificate), "--keyfile", str(key))
    server.log.wait_for(r"\[WARNING\] The certificate of soon\.example expires in 4 days \(\d+-")


def test_a_certificate_for_development(few: tuple[str, ...], serve: Serve) -> None:
    server = serve(*few, "--self-signed")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert told(server, context)


def test_ciphers(serve: Serve) -> None:
    server = serve(*TYPES["sync"], *secure.arguments(), "--ciphers", "ECDHE+CHACHA20")
    context = secure.shared().context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert told(server, context)["SSL_CIPHER"] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    context.set_ciphers("ECDHE+AESGCM")
    with pytest.raises(ssl.SSLError):
        connect(server, context)


@pytest.mark.parametrize("kind", ["pkcs8", "traditional"])
@pytest.mark.parametrize("source", ["file", "env"])
def test_an_encrypted_key(serve: Serve, files: Files, kind: str, source: str) -> None:
    certificate, _ = files.pair("localhost")
    key = _encrypted(files, kind)
    password = Path(files.ca).parent / "password"
    password.write_text("sesame\nmore\n", encoding="ascii")
    at = f"file:{password}" if source == "file" else "env:SESAME"
    args = ("--certfile", certificate, "--keyfile", key)
    server = serve(
        *TYPES["sync"], *args, "--keyfile-password", at, environment={"SESAME": "sesame"}
    )
    assert told(server, files.context())
    said = refused(*args)
    assert "keyfile" in said
    assert "no password is set; set keyfile_password to file:PATH or env:NAME." in said
    password.write_text("wrong\n", encoding="ascii")
    said = refused(*args, "--keyfile-password", f"file:{password}")
    assert "the password does not open the key; look at keyfile_password" in said


def test_what_cannot_be_served_is_refused(files: Files, tmp_path: Path) -> None:
    certificate, key = files.pair("a.example")
    _, other = files.pair("b.example")
    expired, its_key = tmp_path / "old.pem", tmp_path / "old.key"
    _self_signed(expired, its_key, days=-1)
    empty = tmp_path / "empty.pem"
    empty.touch()
    both = ("--certfile", certificate, "--keyfile", key)
    for args, setting, path, remedy in [
        (("--keyfile", key), "keyfile", key, "set certfile"),
        (("--certfile", certificate), "certfile", certificate, "give a file with the key"),
        (("--certfile", "/none.pem", "--keyfile", key), "certfile", "/none.pem", "name a file"),
        ((*both[:2], "--keyfile", "/none.key"), "keyfile", "/none.key", "name a file"),
        ((*both[:2], "--keyfile", other), "keyfile", other, "give the key that it was made with"),
        (("--certfile", str(empty), *both[2:]), "certfile", str(empty), "the certificate and its"),
        (("--certfile", key, *both[2:]), "certfile", key, "the certificate and its chain"),
        (("--certfile", str(expired), "--keyfile", str(its_key)), "certfile", "old.pem", "renew"),
        ((*both, "--ciphers", "HIHG"), "ciphers", "HIHG", "is not the name of a cipher"),
        ((*both, "--ciphers", "AES128-SHA"), "ciphers", "AES128-SHA", "there are ECDHE"),
        ((*both, "--cert-reqs", "2"), "cert_reqs", "2", "set ca_certs"),
        ((*both, "--cert-reqs", "2", "--ca-certs", "/none"), "ca_certs", "/none", "name a file"),
        ((*both, "--cert-reqs", "1", "--ca-certs", str(empty)), "ca_certs", str(empty), "PEM"),
        (("--cert", f"a={certificate},{other}"), "certificates", other, "made with"),
    ]:  # fmt: skip
        said = refused(*args)
        assert said.startswith(f"Invalid value for {setting}: "), said
        assert path in said
        assert remedy in said, said


def test_a_reload_refuses_a_bad_certificate(serve: Serve, files: Files, tmp_path: Path) -> None:
    certificate, key = files.pair("localhost")
    conf = tmp_path / "conf.py"
    conf.write_text(f"certfile = {certificate!r}\nkeyfile = {key!r}\n", encoding="utf-8")
    server = serve(*TYPES["sync"], "-c", str(conf))
    assert told(server, files.context())
    conf.write_text(f"certfile = '/none'\nkeyfile = {key!r}\n", encoding="utf-8")
    server.send(signal.SIGHUP)
    server.log.wait_for("Reload refused, the present configuration stays: .*certfile.*/none")
    assert told(server, files.context())
    # And takes a good one: TLS may come and go.
    conf.write_text("", encoding="utf-8")
    server.send(signal.SIGHUP)
    server.log.wait_for("Booting worker", 2)
    server.log.wait_for("Worker exiting")
    with Client(socket.create_connection(("127.0.0.1", server.port), PATIENCE)) as client:
        client.get("/")
        assert b'"wsgi.url_scheme": "http"' in client.response().body


HOOK = """
import ssl

def ssl_context(conf, default_ssl_context_factory):
    context = default_ssl_context_factory()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations({ca!r})
    return context
"""
OWN = """
import ssl

def ssl_context(conf, default_ssl_context_factory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain({certificate!r}, {key!r}, password="sesame")
    context.set_ciphers("ECDHE+CHACHA20")
    return context
"""
NAMES = """
def ssl_context(conf, default_ssl_context_factory):
    context = default_ssl_context_factory()
    context.sni_callback = lambda *arguments: None
    return context
"""


def test_the_hook_ssl_context(serve: Serve, files: Files, tmp_path: Path) -> None:
    conf = tmp_path / "hook.py"
    conf.write_text(HOOK.format(ca=files.ca), encoding="utf-8")
    server = serve(*TYPES["sync"], *_arguments(files), "-c", str(conf))
    context = files.context()
    context.load_cert_chain(*files.pair("me.example"))
    assert told(server, context)["SSL_CLIENT_SAN_DNS_0"] == "me.example"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        connect(server, context)
    with pytest.raises((ssl.SSLError, AssertionError, ConnectionError)):
        told(server, files.context())


def test_a_context_of_the_hooks_own(serve: Serve, files: Files, tmp_path: Path) -> None:
    certificate, _ = files.pair("localhost")
    conf = tmp_path / "hook.py"
    text = OWN.format(certificate=certificate, key=_encrypted(files, "pkcs8"))
    conf.write_text(text, encoding="utf-8")
    # It is what makes the listeners speak TLS that says so; the hook decides with what.
    server = serve(*TYPES["sync"], *_arguments(files, "unused.example"), "-c", str(conf))
    context = files.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert told(server, context)["SSL_CIPHER"] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    conf.write_text(NAMES, encoding="utf-8")
    said = refused(*_arguments(files), "-c", str(conf))
    assert "sni_callback cannot be called by the engine" in said


def test_openssl_finds_nothing_weak(shared_tls: Callable[[str], Server]) -> None:
    server = shared_tls("sync")
    at = f"127.0.0.1:{server.port}"
    said = _openssl("s_client", "-connect", at, "-CAfile", secure.shared().ca, stdin="Q\n")
    for line in ("Secure Renegotiation IS supported", "Compression: NONE", "TLSv1.3"):
        assert line in said or line == "Secure Renegotiation IS supported", said
    said = _openssl("s_client", "-connect", at, "-tls1_2", stdin="Q\n")
    assert "Secure Renegotiation IS supported" in said
    assert "Compression: NONE" in said
    assert "Extended master secret: yes" in said
    assert "TLS session ticket:" in said
    # A client that asks for another handshake on the same connection gets none.
    said = _openssl("s_client", "-connect", at, "-tls1_2", stdin="R\n", fails=True)
    assert "no renegotiation" in said or "alert" in said or "error" in said, said


def _arguments(files: Files, name: str = "localhost") -> tuple[str, ...]:
    certificate, key = files.pair(name, stem=f"server-{name}")
    return "--certfile", certificate, "--keyfile", key


def _serials(server: Server, files: Files) -> set[tuple[int, int]]:
    """Which worker, by its pid, shows which certificate. Connections that are open at a time are
    spread over the workers.
    """
    found = set()
    with ExitStack() as held:
        clients = [held.enter_context(connect(server, files.context())) for _ in range(6)]
        for client in clients:
            client.get("/pid")
            shown = client.socket.tls.getpeercert()  # type: ignore[attr-defined]
            found.add((int(client.response().body), int(shown["serialNumber"], 16)))
    return found


def _serial_of(certificate: str) -> int:
    return x509.load_pem_x509_certificate(Path(certificate).read_bytes()).serial_number


def _shown(server: Server, context: ssl.SSLContext, asked: str) -> str:
    """The first name of the certificate that a client gets asking for this one."""
    with connect(server, context, asked) as client:
        found = client.socket.tls.getpeercert()  # type: ignore[attr-defined]
    kind, name = found["subjectAltName"][0]
    assert kind == "DNS"
    return str(name)


def _openssl(*args: str, stdin: str = "", fails: bool = False) -> str:
    done = subprocess.run(
        ["openssl", *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert fails or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def _self_signed(certificate: Path, key: Path, *, days: int) -> None:

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "soon.example")])
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=30))
        .not_valid_after(end)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _encrypted(files: Files, kind: str) -> str:
    """The key of the certificate for localhost, with the password `sesame`."""
    key = str(Path(files.ca).parent / "localhost.key")
    made = f"{key}.{kind}"
    how = ["pkcs8", "-topk8"] if kind == "pkcs8" else ["ec", "-aes256"]
    _openssl(*how, "-in", key, "-out", made, "-passout", "pass:sesame")
    return made
