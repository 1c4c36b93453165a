"""What peers may say of the way a request came, and what a person is told about it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from e2e.client import Client
    from e2e.server import Serve

APP = "origin_app:app"
XFF = ("--client-address", "x-forwarded-for")


def seen(client: Client, *fields: str) -> dict[str, str | None]:
    """What the application is told of a request with these fields."""
    client.get("/", *fields)
    answer = client.response()
    assert answer.status == 200, answer
    told: dict[str, str | None] = json.loads(answer.body)
    return told


def test_a_stranger_is_named_once(args: tuple[str, ...], serve: Serve) -> None:
    server = serve(APP, *args, "--forwarded-allow-ips", "10.0.0.1,10.1.0.0/16")
    for field in ("X-Forwarded-Proto: https", "x-forwarded-ssl: on", "X-Forwarded-Proto: https"):
        with server.client() as client:
            assert seen(client, field)["wsgi.url_scheme"] == "http"
    server.log.wait_for(
        r"\[WARNING\] X-Forwarded-Proto from 127\.0\.0\.1 was ignored: .* not in "
        r"forwarded_allow_ips\. .* --forwarded-allow-ips=10\.0\.0\.1,10\.1\.0\.0/16,127\.0\.0\.1\. "
    )
    server.stop()
    assert len(server.log.matching("was ignored")) == 1


def test_a_trusted_peer_is_not_named(serve: Serve) -> None:
    server = serve(APP, "--forwarded-allow-ips", "private")
    with server.client() as client:
        assert seen(client, "X-Forwarded-Proto: https")["wsgi.url_scheme"] == "https"
        assert seen(client, "X-Forwarded-For: 192.0.2.7")["REMOTE_ADDR"] == "127.0.0.1"
    server.stop()
    assert not server.log.matching("ignored")


def test_the_client_behind_a_proxy(args: tuple[str, ...], serve: Serve) -> None:
    server = serve(APP, *args, *XFF, "--access-logfile", "-", "--access-logformat", "from %(h)s")
    with server.client() as client:
        told = seen(client, "X-Forwarded-For: 198.51.100.1, 192.0.2.7")
        assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == ("192.0.2.7", None)
        told = seen(client, "X-Forwarded-For: [2001:db8::7]:4711")
        assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == ("2001:db8::7", "4711")
        # The same connection, and the peer itself again.
        assert seen(client)["REMOTE_ADDR"] == "127.0.0.1"
        for _ in range(4):
            assert seen(client, "X-Forwarded-For: 192.0.2.8")["REMOTE_ADDR"] == "192.0.2.8"
    server.output.wait_for(r"^from 192\.0\.2\.7$")
    server.output.wait_for(r"^from 2001:db8::7$")
    server.output.wait_for(r"^from 127\.0\.0\.1$")
    server.output.wait_for(r"^from 192\.0\.2\.8$", 4)


def test_a_peer_that_is_not_trusted_and_names_a_client(serve: Serve) -> None:
    server = serve(APP, *XFF, "--forwarded-allow-ips", "10.0.0.1")
    with server.client() as client:
        assert seen(client, "X-Forwarded-For: 192.0.2.7")["REMOTE_ADDR"] == "127.0.0.1"
    server.log.wait_for(r"\[WARNING\] X-Forwarded-For from 127\.0\.0\.1 was ignored")


def test_forwarded(serve: Serve) -> None:
    server = serve(APP, "--client-address", "Forwarded")
    with server.client() as client:
        told = seen(client, "Forwarded: for=192.0.2.7;proto=https;host=shop.example")
        assert told["REMOTE_ADDR"] == "192.0.2.7"
        assert told["wsgi.url_scheme"] == "https"
        assert told["HTTP_HOST"] == "shop.example"
        client.get("/", 'Forwarded: for="192.0.2.7')
        assert client.response().status == 400
    server.log.wait_for(r"ip=127\.0\.0\.1: Invalid Forwarded header \(RFC 7239, 4, answered 400\)")


@pytest.mark.parametrize("header", ["X-Forwarded-For: 192.0.2.7", "Forwarded: for=192.0.2.7"])
def test_a_proxy_on_a_unix_socket(serve: Serve, short_tmp: str, header: str) -> None:
    path = f"{short_tmp}/s"
    # Whatever the setting says: it lists addresses, and this peer has none.
    source = ("--client-address", header.partition(":")[0], "--forwarded-allow-ips", "10.0.0.1")
    server = serve(APP, *source, bind=(f"unix:{path}",))
    server.worker_pid()
    from e2e.client import Client  # noqa: PLC0415 - a class that is only named in types elsewhere

    with Client.unix(path) as client:
        told = seen(client, "X-Forwarded-Proto: https", header)
        assert (told["wsgi.url_scheme"], told["REMOTE_ADDR"]) == ("https", "192.0.2.7")
        assert seen(client)["REMOTE_ADDR"] == ""


def test_the_debug_log_explains(args: tuple[str, ...], serve: Serve) -> None:
    server = serve(APP, *args, "--log-level", "debug", "--forwarded-allow-ips", "127.0.0.1")
    with server.client() as client:
        seen(client)
        seen(client, "X-Forwarded-Ssl: off", "X-Forwarded-For: 192.0.2.7", "X_A: 1")
    server.log.wait_for(
        r"\[DEBUG\] GET /: peer 127\.0\.0\.1 is in forwarded_allow_ips \(127\.0\.0\.1\); "
        r"X-Forwarded-Ssl: off -> believed: http .*; "
        r"X-Forwarded-For: 192\.0\.2\.7 -> handed on .*, not interpreted; "
        r"X_A: 1 -> dropped: .*; so scheme http, client 127\.0\.0\.1$"
    )
    server.stop()
    assert len(server.log.matching("is in forwarded_allow_ips")) == 1


def explained(*args: str) -> subprocess.CompletedProcess[str]:
    """The command with these arguments."""
    command = [sys.executable, "-m", "licorne", *args]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_the_command_explains() -> None:
    told = explained("--explain-proxy", "X-Forwarded-Proto: https", "--from", "10.0.0.1")
    assert told.returncode == 0
    assert told.stderr == ""
    assert told.stdout.splitlines() == [
        "peer 10.0.0.1 is not in forwarded_allow_ips (127.0.0.1,::1)",
        "X-Forwarded-Proto: https -> ignored: the peer is not in forwarded_allow_ips",
        "so scheme http, client 10.0.0.1",
        "to believe it: --forwarded-allow-ips=127.0.0.1,::1,10.0.0.1",
    ]


def test_the_command_reads_the_settings() -> None:
    told = explained(
        "--forwarded-allow-ips=10.0.0.0/8",
        *XFF,
        "--explain-proxy=X-Forwarded-For: 192.0.2.7",
        "--explain-proxy=X-Forwarded-Proto: http",
        "--explain-proxy=X-Forwarded-Ssl: on",
        "--from=10.0.0.1",
    )
    assert told.stdout.splitlines() == [
        "peer 10.0.0.1 is in forwarded_allow_ips (10.0.0.0/8)",
        "X-Forwarded-For: 192.0.2.7 -> believed: read for the client (client_address)",
        'X-Forwarded-Proto: http -> believed: http (https would be "https")',
        "X-Forwarded-Ssl: on -> believed: https",
        "so refused with 400: Contradictory scheme headers (secure_scheme_headers)",
    ]
    quoted = 'Forwarded: for="[2001:db8::7]:4711"'
    told = explained("--client-address=forwarded", "--from=::1", f"--explain-proxy={quoted}")
    assert told.stdout.splitlines()[1:] == [
        f"{quoted} -> believed: read for the client (client_address)",
        "so scheme http, client 2001:db8::7",
    ]
    told = explained("--explain-proxy=SCRIPT_NAME: /app", "--from=unix")
    assert told.stdout.splitlines() == [
        "peer on a unix socket, always trusted",
        "SCRIPT_NAME: /app -> handed on: in forwarder_headers, from a trusted peer",
        "so scheme http, client unknown",
    ]


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--explain-proxy", "A: b", "--from", "proxy"), "'proxy' is neither an IP address nor"),
        (("--from", "10.0.0.1"), "--from names a header's sender"),
        (("--forwarded-allow-ips", "10.0.0.1/8"), "10.0.0.1/8 has host bits set"),
        (("--forwarded-allow-ips", "fe80::1%eth0"), "has a scope"),
        (("--client-address", "x-real-ip"), "x-real-ip"),
    ],
)
def test_mistakes(args: tuple[str, ...], complaint: str) -> None:
    told = explained(*args, APP)
    assert told.returncode == 1
    assert complaint in told.stderr.replace('"', "'")
    assert "Traceback" not in told.stderr
