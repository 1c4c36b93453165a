"""WebSocket over HTTP/2 (RFC 8441): many of them on one connection, beside ordinary requests."""

from __future__ import annotations

import ast
import signal
from typing import TYPE_CHECKING

import pytest
from websockets.frames import Opcode

from asgi.h2_websocket import DEFLATE, VERSION, H2WebSocket, extended
from e2e.h2_client import H2Client
from faults.processes import eventually
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from asgi.conftest import Shared, Start, Token
    from e2e.server import Serve, Server

CLEAR = ("--http-protocols", "h1,h2", "--http2-cleartext", "both")
#: `CANCEL` of RFC 9113, section 7.
CANCEL = 8


@pytest.fixture
def loop() -> str:
    """Its own loop changes nothing of what is tried here."""
    return "asyncio"


@pytest.fixture
def site(shared: Shared) -> Server:
    """apps/websocket_app.py; applications that raise are among its paths."""
    limits = ("--websocket-max-message-size", "300000", "--limit-request-body", "100000")
    return shared("websocket_app", *CLEAR, *limits, tracebacks=True)


def test_it_is_announced(site: Server) -> None:
    with H2Client(site.port) as client:
        client.until(lambda: client.h2.remote_settings.max_concurrent_streams == 100)
        assert client.h2.remote_settings.enable_connect_protocol == 1


def test_the_scope_and_the_answer(site: Server) -> None:
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, "/scope?a=%20", ("x-one", "1"), ("origin", "http://a"))
        fields = dict(websocket.accepted())
        scope = ast.literal_eval(str(websocket.message()))
    assert (scope["type"], scope["http_version"], scope["scheme"]) == ("websocket", "2", "ws")
    assert (scope["path"], scope["query_string"]) == ("/scope", b"a=%20")
    headers = [tuple(each) for each in scope["headers"]]
    assert {(b"host", b"there"), (b"x-one", b"1"), (b"origin", b"http://a")} <= set(headers)
    assert not [name for name, _ in headers if name.startswith(b":")]
    assert "method" not in scope
    assert not {"upgrade", "connection", "sec-websocket-accept", "content-length"} & set(fields)


@pytest.mark.parametrize("fields", [(), (DEFLATE,)], ids=["plain", "deflate"])
def test_echo(site: Server, fields: tuple[tuple[str, str], ...]) -> None:
    """More bytes in all than `limit_request_body` lets a body have."""
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, "/echo", *fields)
        extensions = dict(websocket.accepted()).get("sec-websocket-extensions", "")
        assert ("permessage-deflate" in extensions) == bool(fields)
        for message in ["", "text ✓", b"", b"\x00\xff", "x" * 70_000, bytes(200_000)]:
            websocket.send(message)
            assert websocket.message() == message
        for fragments in (2, 7):
            websocket.send("one two three", fragments=fragments)
            assert websocket.message() == "one two three"
        websocket.ping(b"are you there")
        pong = websocket.frame()
        assert (pong.opcode, pong.data) == (Opcode.PONG, b"are you there")


def test_a_subprotocol_and_header_fields(site: Server) -> None:
    with H2Client(site.port) as client:
        offers = ("sec-websocket-protocol", "one, two")
        websocket = H2WebSocket(client, "/subprotocol", offers)
        fields = websocket.accepted()
        assert ("sec-websocket-protocol", "two") in fields
        assert {("x-one", "1"), ("set-cookie", "a=b")} <= set(fields)
        assert ast.literal_eval(str(websocket.message())) == ["one", "two"]


def test_many_beside_ordinary_requests(site: Server, token: Token) -> None:
    with H2Client(site.port) as client:
        websockets = [H2WebSocket(client, "/echo") for _ in range(50)]
        for number, websocket in enumerate(websockets):
            websocket.accepted()
            websocket.send(f"message {number}" * 1000)
            assert client.get(f"/flooded?{token()}").body == b"0"
        for number, websocket in enumerate(websockets):
            assert websocket.message() == f"message {number}" * 1000
        for number, websocket in enumerate(websockets):
            websocket.close(4000 + number)
            assert websocket.closed() == (4000 + number, "")
        assert client.get(f"/flooded?{token()}").status == 200


def test_messages_right_behind_the_handshake(site: Server) -> None:
    """Before it is accepted."""
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, "/echo")
        websocket.send("early")
        websocket.accepted()
        assert websocket.message() == "early"


def test_the_client_closes(site: Server, token: Token) -> None:
    word = token()
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, f"/echo?{word}")
        websocket.accepted()
        websocket.close(4999, "mine ✓")
        # The answer has the same code.
        assert websocket.closed()[0] == 4999
    site.log.wait_for(f"TOLD {word} disconnect 4999 'mine ✓'")


def test_the_application_closes(site: Server, token: Token) -> None:
    word = token()
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, f"/close?{word}")
        websocket.accepted()
        assert websocket.message() == "bye"
        assert websocket.closed() == (4001, "enough ✓")
    site.log.wait_for(f"TOLD {word} disconnect 4001")


@pytest.mark.parametrize(("path", "code"), [("/return", 1000), ("/raise", 1011)])
def test_the_application_ends(site: Server, path: str, code: int) -> None:
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, path)
        websocket.accepted()
        if path == "/return":
            assert websocket.message() == "bye"
        assert websocket.closed()[0] == code


@pytest.mark.parametrize("way", ["end", "reset", "leave"])
def test_a_client_that_leaves_without_a_close_frame(site: Server, token: Token, way: str) -> None:
    """What it has sent before is for the application; one disconnect, with 1006."""
    word = token()
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, f"/once?{word}")
        websocket.accepted()
        if way == "end":
            websocket.end()
            client.until(lambda: websocket.answer.over)
        elif way == "reset":
            client.reset(websocket.stream, CANCEL)
        if way != "leave":
            assert client.get(f"/flooded?{word}").status == 200
    site.log.wait_for(f"TOLD {word} disconnect 1006")
    site.log.wait_for(f"TOLD {word} nothing follows")


def test_a_close_frame_before_a_reset_counts(site: Server, token: Token) -> None:
    word = token()
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, f"/once?{word}")
        websocket.accepted()
        websocket.close(4002, "gone")
        client.reset(websocket.stream, CANCEL)
    site.log.wait_for(f"TOLD {word} disconnect 4002 'gone'")


def test_what_breaks_a_rule_costs_its_stream_alone(site: Server, token: Token) -> None:
    word = token()
    with H2Client(site.port) as client:
        good, large = H2WebSocket(client, "/echo"), H2WebSocket(client, f"/echo?{word}")
        unmasked = H2WebSocket(client, "/echo")
        for websocket in (good, large, unmasked):
            websocket.accepted()
        large.send(bytes(300_001))
        assert large.closed()[0] == 1009
        client.give(unmasked.stream, b"\x81\x01a", end=False)
        assert unmasked.closed()[0] == 1002
        good.send("still there")
        assert good.message() == "still there"
    site.log.wait_for(f"TOLD {word} disconnect 1009")


def test_the_window_holds_a_client_whose_messages_are_not_taken(site: Server, token: Token) -> None:
    word = token()
    with H2Client(site.port) as client:
        websocket = H2WebSocket(client, f"/busy?{word}")
        websocket.accepted()
        assert websocket.message() == "busy"
        message, sent = bytes(20_000), 0
        beside = H2WebSocket(client, "/echo")
        beside.accepted()
        # Far more than the queue of messages, and less than all that were sent to those that take.
        while client.h2.local_flow_control_window(websocket.stream) > len(message) + 100:
            websocket.send(message)
            sent += 1
            beside.send(message)
            assert beside.message() == message
            assert sent < 200
        assert client.get(f"/open?{word}").status == 200
        websocket.send(message)
        websocket.send("end")
        assert websocket.message() == str((sent + 1) * len(message))


def test_a_client_that_does_not_read_stops_the_application(site: Server, token: Token) -> None:
    """Its window is shut: the others go on, and so does it when it reads."""
    word = token()
    with H2Client(site.port, window=100_000, reads=False) as client, site.client() as beside:
        websocket = H2WebSocket(client, f"/flood?{word}")
        websocket.accepted()
        seen = [-1]
        # Fifty turns of the loop without a message that was taken.
        while len(seen) < 50 or seen[-50:] != [seen[-1]] * 50 or seen[-1] == 0:
            beside.get(f"/flooded?{word}")
            seen.append(int(beside.response().body))
        assert seen[-1] < 1024
        client.h2.increment_flow_control_window((1 << 31) - 1 - 65_535)
        client.h2.increment_flow_control_window((1 << 31) - 1 - 100_000, websocket.stream)
        client.flush()
        for _ in range(1024):
            assert len(websocket.message()) == 65_536
    site.log.wait_for(f"TOLD {word} flooded")


def test_refusals(site: Server) -> None:
    with H2Client(site.port) as client:
        streams = {
            403: H2WebSocket(client, "/refuse").stream,
            401: H2WebSocket(client, "/deny").stream,
            500: H2WebSocket(client, "/raise-first").stream,
            501: extended(client, "/echo", VERSION, protocol="connect-udp"),
            400: extended(client, "/echo", ("sec-websocket-version", "8")),
        }
        for status, stream in streams.items():
            assert client.answer(stream).status == status
        assert client.answers[streams[401]].body == b"not allowed"
        assert b"websocket" in client.answers[streams[501]].body
        fields = dict(client.answers[streams[400]].fields)
        assert fields["sec-websocket-version"] == "13"
        websocket = H2WebSocket(client, "/echo")
        websocket.accepted()


def test_a_denial_with_success_would_accept(site: Server, token: Token) -> None:
    word = token()
    with H2Client(site.port) as client:
        stream = extended(client, f"/deny-with-success?{word}", VERSION)
        assert client.answer(stream).status == 500
    site.log.wait_for(f"TOLD {word} ValueError websocket.http.response.start.*2xx")


def test_extended_connect_is_malformed_where_no_asgi_application_serves(serve: Serve) -> None:
    server = serve("h2_site", "-k", "gthread", *CLEAR)
    with H2Client(server.port) as client:
        client.until(lambda: client.h2.remote_settings.max_concurrent_streams == 100)
        assert client.h2.remote_settings.enable_connect_protocol == 0
        stream = extended(client, "/", VERSION)
        assert client.answer(stream).reset == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 1001), (signal.SIGHUP, 1012)])
def test_the_worker_stops(start: Start, number: signal.Signals, code: int) -> None:
    """Each is told, then the connection ends: no stream is lost."""
    server = start("operations_app", *CLEAR, "--graceful-timeout", str(int(PATIENCE)))
    first = server.worker_pid()
    with H2Client(server.port) as client:
        websockets = [H2WebSocket(client, f"/ws?w{each}") for each in range(3)]
        for websocket in websockets:
            websocket.accepted()
            assert websocket.message() == "accepted"
        server.send(number)
        for websocket in websockets:
            assert websocket.closed()[0] == code
        while not client.closed:
            client.receive()
        assert [gone.code for gone in client.gone] == [0, 0]
    server.gone(first)
    assert len(server.log.matching(f"TOLD w. websocket.disconnect {code}")) == 3


def test_pings_find_a_client_that_is_gone(start: Start) -> None:
    """Its connection lives on: it is the stream that says nothing."""
    times = ("--websocket-ping-interval", "0.2", "--websocket-ping-timeout", "0.2")
    server = start("operations_app", *CLEAR, *times)
    with H2Client(server.port) as client:
        websocket = H2WebSocket(client, "/ws?w")
        websocket.accepted()
        assert websocket.message() == "accepted"
        # Without an answer: the library would give one.
        client.until(lambda: websocket.answer.ended)
        assert websocket.answer.body[:2] == b"\x89\0"
        assert (1011).to_bytes(2, "big") in websocket.answer.body
        assert client.get("/fields").status == 200
    server.log.wait_for("TOLD w websocket.disconnect 1006")


def test_the_access_log_and_the_numbers(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "access"
    server = start("operations_app", *CLEAR, "--access-logfile", str(log))
    with H2Client(server.port) as client:
        websocket = H2WebSocket(client, "/ws?w")
        websocket.accepted()
        assert websocket.message() == "accepted"
        websocket.close(1000)
        assert websocket.closed() == (1000, "")
        line = '"CONNECT /ws?w HTTP/2" 200 '
        eventually(lambda: line in log.read_text(), "the line of the access log")
    assert server.stop() == 0
