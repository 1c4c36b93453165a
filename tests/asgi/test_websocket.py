"""WebSocket through two clients: the handshake, messages, and the end from either side."""

from __future__ import annotations

import ast
import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from e2e.client import Client
from patience import PATIENCE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from websockets.sync.client import ClientConnection

    from asgi.conftest import Shared, Start, Token
    from e2e.server import Server

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.fixture
def site(shared: Shared) -> Server:
    """apps/websocket_app.py on each loop; applications that raise are among its paths."""
    return shared("websocket_app", "--websocket-max-message-size", "300000", tracebacks=True)


def opened(site: Server, path: str, **more: object) -> AbstractContextManager[ClientConnection]:
    """A connection that was accepted, with compression unless `more` says otherwise."""
    url = f"ws://127.0.0.1:{site.port}{path}"
    return connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE, max_size=None, **more)


def closed(connection: ClientConnection) -> tuple[int, str]:
    """Code and reason of the server's close frame, which comes next."""
    with pytest.raises(ConnectionClosed) as caught:
        connection.recv(PATIENCE)
    received = caught.value.rcvd
    assert received is not None
    return received.code, received.reason


def refused(site: Server, path: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and header fields of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as caught, opened(site, path):
        pass
    answer = caught.value.response
    return answer.status_code, bytes(answer.body or b""), dict(answer.headers.raw_items())


def test_every_key_of_the_scope(site: Server) -> None:
    with opened(site, "/scope?a=%20", additional_headers={"X-One": "1"}) as connection:
        scope = ast.literal_eval(str(connection.recv(PATIENCE)))
        peer = connection.socket.getsockname()
    assert scope["type"] == "websocket"
    assert scope["asgi"]["version"] == "3.0"
    assert scope["http_version"] == "1.1"
    assert scope["scheme"] == "ws"
    assert (scope["path"], scope["raw_path"]) == ("/scope", b"/scope")
    assert scope["query_string"] == b"a=%20"
    assert scope["root_path"] == ""
    assert scope["subprotocols"] == []
    assert tuple(scope["client"]) == peer
    assert tuple(scope["server"]) == ("127.0.0.1", site.port)
    assert (b"x-one", b"1") in [tuple(each) for each in scope["headers"]]
    assert scope["state"] == {}
    assert "method" not in scope
    assert "websocket.http.response" in scope["extensions"]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_echo(site: Server, compression: str | None) -> None:
    with opened(site, "/echo", compression=compression) as connection:
        for message in ["", "text ✓", b"", b"\x00\xff", "x" * 70000, bytes(200_000)]:
            connection.send(message)
            assert connection.recv(PATIENCE) == message


def test_compression_is_agreed_on(site: Server) -> None:
    with opened(site, "/echo") as connection:
        assert "permessage-deflate" in str(connection.response.headers["Sec-WebSocket-Extensions"])
    with opened(site, "/echo", compression=None) as connection:
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


def test_fragments_are_one_message(site: Server) -> None:
    with opened(site, "/echo") as connection:
        connection.send(["one ", "two ", "three"])
        assert connection.recv(PATIENCE) == "one two three"
        connection.send([b"a", b"", b"b"])
        assert connection.recv(PATIENCE) == b"ab"


def test_the_keys_of_message_events(site: Server) -> None:
    with opened(site, "/keys") as connection:
        connection.send("text")
        shown = ast.literal_eval(str(connection.recv(PATIENCE)))
        assert shown == [("text", "text"), ("type", "websocket.receive")]
        connection.send(b"bytes")
        shown = ast.literal_eval(str(connection.recv(PATIENCE)))
        assert shown == [("bytes", b"bytes"), ("type", "websocket.receive")]


def test_a_subprotocol_and_header_fields(site: Server) -> None:
    with opened(site, "/subprotocol", subprotocols=["one", "two"]) as connection:
        assert connection.subprotocol == "two"
        assert connection.response.headers["X-One"] == "1"
        assert connection.response.headers["Set-Cookie"] == "a=b"
        assert ast.literal_eval(str(connection.recv(PATIENCE))) == ["one", "two"]


def test_subprotocols_in_several_fields(site: Server) -> None:
    with site.client() as client:
        fields = ("Sec-WebSocket-Protocol: one,two", "Sec-WebSocket-Protocol: three")
        client.get("/subprotocol", *UPGRADE, *fields)
        answer = client.response()
        assert (answer.status, answer.get("Sec-WebSocket-Protocol")) == (101, "three")
        # The nonce and its answer of RFC 6455, 1.3.
        assert answer.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_closed_before_it_is_accepted(site: Server) -> None:
    assert refused(site, "/refuse")[0] == 403


def test_a_denial_response(site: Server) -> None:
    status, body, fields = refused(site, "/deny")
    assert (status, body) == (401, b"not allowed")
    assert {name.lower(): value for name, value in fields.items()}["www-authenticate"] == "Basic"


def test_an_application_that_raises_before_accepting(site: Server) -> None:
    assert refused(site, "/raise-first")[0] == 500


def test_an_application_that_raises_after_accepting(site: Server) -> None:
    with opened(site, "/raise") as connection:
        assert closed(connection)[0] == 1011


def test_an_application_that_returns(site: Server) -> None:
    """It has not closed: the server does, with 1000 as uvicorn."""
    with opened(site, "/return") as connection:
        assert connection.recv(PATIENCE) == "bye"
        assert closed(connection)[0] == 1000


def test_the_application_closes(site: Server, token: Token) -> None:
    word = token()
    with opened(site, f"/close?{word}") as connection:
        assert connection.recv(PATIENCE) == "bye"
        assert closed(connection) == (4001, "enough ✓")


def test_the_application_closes_plainly(site: Server) -> None:
    with opened(site, "/close-plainly") as connection:
        assert closed(connection) == (1000, "")


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (4999, "mine ✓")])
def test_the_client_closes(site: Server, token: Token, code: int, reason: str) -> None:
    word = token()
    with opened(site, f"/echo?{word}") as connection:
        connection.send("one")
        assert connection.recv(PATIENCE) == "one"
        connection.close(code, reason)
        # The server has answered with the same code.
        assert connection.close_code == code
    site.log.wait_for(f"TOLD {word} disconnect {code} '{reason}'")


def test_a_close_without_a_code_is_1005(site: Server, token: Token) -> None:
    """RFC 6455, 7.1.5."""
    word = token()
    with switched(site, f"/echo?{word}") as client:
        client.send(frame(8, b""))
        assert client.some()[0] == 0x88
    site.log.wait_for(f"TOLD {word} disconnect 1005")


def test_a_client_that_leaves_without_a_close_frame_is_1006(site: Server, token: Token) -> None:
    word = token()
    with switched(site, f"/echo?{word}"):
        pass
    site.log.wait_for(f"TOLD {word} disconnect 1006")


@pytest.mark.parametrize("way", ["close", "leave"])
def test_one_disconnect(site: Server, token: Token, way: str) -> None:
    word = token()
    with switched(site, f"/once?{word}") as client:
        if way == "close":
            client.send(frame(8, b"\x03\xe8"))
            client.some()
    site.log.wait_for(f"TOLD {word} disconnect")
    site.log.wait_for(f"TOLD {word} nothing follows")


def test_sending_after_the_client_has_left(site: Server, token: Token) -> None:
    """OSError (ASGI 2.4), which is no error of the application."""
    word = token()
    with opened(site, f"/send-after?{word}"):
        pass
    site.log.wait_for(f"TOLD {word} OSError")


def test_messages_right_behind_the_accept(site: Server) -> None:
    with opened(site, "/early-messages") as connection:
        assert [connection.recv(PATIENCE) for _ in range(100)] == [str(n) for n in range(100)]
        connection.send("last")
        assert connection.recv(PATIENCE) == "last"


def test_messages_right_behind_the_handshake(site: Server) -> None:
    """Bytes that come with the request are the first frames."""
    with site.client() as client:
        lines = ["GET /echo HTTP/1.1", "Host: a", *UPGRADE, "", ""]
        client.send("\r\n".join(lines).encode() + frame(1, b"early"))
        assert client.response().status == 101
        assert unframed(client) == (0x81, b"early")


def test_both_ways_at_once(site: Server) -> None:
    with opened(site, "/both-ways") as connection:
        connection.send("mine")
        received = [connection.recv(PATIENCE) for _ in range(51)]
        assert received == [*map(str, range(50)), "mine"]


def test_a_receive_that_waits_since_before_the_accept(site: Server) -> None:
    with opened(site, "/receiving-first") as connection:
        connection.send("mine")
        assert connection.recv(PATIENCE) == "mine"


def test_pings_are_answered_while_the_application_is_busy(site: Server, token: Token) -> None:
    """The application does not receive; the pong has what the ping had."""
    word = token()
    with switched(site, f"/busy?{word}") as client:
        assert unframed(client) == (0x81, b"busy")
        client.send(frame(9, b"are you there"))
        assert unframed(client) == (0x8A, b"are you there")
        # A pong that was not asked for is no message.
        client.send(frame(10, b"unasked") + frame(2, b"12345") + frame(1, b"end"))
        assert site.get(f"/open?{word}")[0] == 200
        assert unframed(client) == (0x81, b"5")


def test_a_message_that_is_too_large(site: Server, token: Token) -> None:
    word = token()
    with opened(site, f"/echo?{word}", compression=None) as connection:
        connection.send(bytes(300_000))
        assert len(connection.recv(PATIENCE)) == 300_000
        connection.send(bytes(300_001))
        assert closed(connection)[0] == 1009
    site.log.wait_for(f"TOLD {word} disconnect 1009")


def test_a_message_that_inflates_too_much(site: Server, token: Token) -> None:
    """The limit holds for what it becomes."""
    word = token()
    with opened(site, f"/echo?{word}") as connection:
        connection.send(bytes(10_000_000))
        assert closed(connection)[0] == 1009
    site.log.wait_for(f"TOLD {word} disconnect 1009")


def test_many_fragments_that_are_too_large_together(site: Server) -> None:
    with opened(site, "/echo", compression=None) as connection:
        # It may be told before it has sent the last one.
        with suppress(ConnectionClosed):
            connection.send([bytes(60_000)] * 6)
        assert closed(connection)[0] == 1009


def until_it_waits(site: Server, word: str) -> int:
    """How many messages /flood has sent, once it waits for its client."""
    with site.client() as beside:
        seen = [-1]
        # Fifty turns of the loop without a message that was taken.
        while len(seen) < 50 or seen[-50:] != [seen[-1]] * 50 or seen[-1] == 0:
            beside.get(f"/flooded?{word}")
            seen.append(int(beside.response().body))
    return seen[-1]


def test_a_client_that_does_not_read_stops_the_application(site: Server, token: Token) -> None:
    word = token()
    with Client.narrow(site.port) as client:
        client.get(f"/flood?{word}", *UPGRADE)
        assert until_it_waits(site, word) < 1024
        assert client.response().status == 101
        for _ in range(1024):
            assert len(unframed(client)[1]) == 65536
    site.log.wait_for(f"TOLD {word} flooded")


def test_a_client_that_leaves_while_the_application_waits_for_it(
    start: Start, token: Token
) -> None:
    """No error of the application either: there is no traceback."""
    word = token()
    server = start("websocket_app")
    with Client.narrow(server.port) as client:
        client.get(f"/flood?{word}", *UPGRADE)
        until_it_waits(server, word)
    server.log.wait_for(f"TOLD {word} OSError")
    assert server.stop() == 0


#: What a peer must not send → the close code that the server answers (RFC 6455; 7692 for RSV1).
BAD_FRAMES = {
    "not masked": (b"\x81\x01a", 1002),
    "reserved bit": (b"\xa1\x81\0\0\0\0a", 1002),
    "reserved opcode": (b"\x83\x81\0\0\0\0a", 1002),
    "fragmented ping": (b"\x09\x80\0\0\0\0", 1002),
    "long ping": (b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126), 1002),
    "continuation of nothing": (b"\x80\x81\0\0\0\0a", 1002),
    "text inside of a message": (b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", 1002),
    "invalid UTF-8": (b"\x81\x82\0\0\0\0\xc3\x28", 1007),
    "close code of one byte": (b"\x88\x81\0\0\0\0\x03", 1002),
    "close code that is reserved": (b"\x88\x82\0\0\0\0\x03\xed", 1002),
    "reason not in UTF-8": (b"\x88\x84\0\0\0\0\x03\xe8\xc3\x28", 1007),
}


@pytest.mark.parametrize("name", list(BAD_FRAMES))
def test_a_bad_frame(site: Server, token: Token, name: str) -> None:
    """The connection is closed with the code that fits; the application sees one disconnect."""
    data, code = BAD_FRAMES[name]
    word = token()
    with switched(site, f"/echo?{word}") as client:
        client.send(data)
        while True:
            opcode, payload = unframed(client)
            if opcode == 0x88:
                break
        assert int.from_bytes(payload[:2], "big") == code
    site.log.wait_for(f"TOLD {word} disconnect")
    assert len(site.log.matching(f"TOLD {word} disconnect")) == 1
    with opened(site, "/echo") as connection:
        connection.send("still there")
        assert connection.recv(PATIENCE) == "still there"


def test_messages_before_a_bad_frame_are_answered(site: Server) -> None:
    """All in one piece: the application is not cut short in what it has to say."""
    with switched(site, "/echo") as client:
        client.send(frame(1, b"one") + frame(1, b"two") + BAD_FRAMES["reserved opcode"][0])
        assert [unframed(client) for _ in range(2)] == [(0x81, b"one"), (0x81, b"two")]
        opcode, payload = unframed(client)
        assert (opcode, payload[:2]) == (0x88, (1002).to_bytes(2, "big"))


#: Handshakes that are none: the fields to leave out, those to add, and the answer.
BAD_HANDSHAKES = {
    "no key": ("Sec-WebSocket-Key", (), 400),
    "short key": ("Sec-WebSocket-Key", ("Sec-WebSocket-Key: c2hvcnQ=",), 400),
    "no version": ("Sec-WebSocket-Version", (), 426),
    "wrong version": ("Sec-WebSocket-Version", ("Sec-WebSocket-Version: 8",), 426),
    "a body": ("X-None", ("Content-Length: 5",), 400),
}


@pytest.mark.parametrize("name", list(BAD_HANDSHAKES))
def test_a_bad_handshake(site: Server, name: str) -> None:
    without, more, status = BAD_HANDSHAKES[name]
    fields = [each for each in UPGRADE if not each.startswith(without)]
    with site.client() as client:
        client.get("/echo", *fields, *more)
        answer = client.response()
        assert answer.status == status
        if status == 426:
            assert answer.get("Sec-WebSocket-Version") == "13"


#: A mistake of the application → what the message of its error says.
MISTAKES = {
    "twice": r"websocket\.accept.*(?:accepted|open)",
    "http": r"http\.response\.start",
    "empty": r"websocket\.send.*(?:text|bytes)",
    "both": r"websocket\.send.*(?:text|bytes)",
    "bytes": r"websocket\.send.*text.*bytes",
    "str": r"websocket\.send.*bytes.*str",
    "code": "close code",
    "reason": r"[Rr]eason is longer",
}


@pytest.mark.parametrize("name", list(MISTAKES))
def test_a_mistake_of_the_application(site: Server, token: Token, name: str) -> None:
    """`send` raises there, and names the event; the client gets 1011."""
    word = token()
    with opened(site, f"/mistake?{name}&{word}") as connection:
        assert closed(connection)[0] == 1011
    site.log.wait_for(rf"TOLD {word} \w+ .*{MISTAKES[name]}")


def test_aiohttps_client(site: Server) -> None:
    async def talk() -> None:
        url = f"ws://127.0.0.1:{site.port}/echo"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15) as ws:
            await ws.send_str("text ✓" * 1000)
            assert await ws.receive_str(timeout=PATIENCE) == "text ✓" * 1000
            await ws.send_bytes(b"\x00" * 5000)
            assert await ws.receive_bytes(timeout=PATIENCE) == b"\x00" * 5000
            await ws.close(code=4000, message=b"done")
            assert ws.close_code == 4000

    asyncio.run(talk())


def switched(site: Server, path: str) -> Client:
    """A connection after the handshake, for frames as they are written here."""
    client = site.client()
    client.get(path, *UPGRADE)
    assert client.response().status == 101
    return client


def frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame (with a mask of zeros) of at most 125 bytes."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def unframed(client: Client) -> tuple[int, bytes]:
    """First byte and payload of the next frame, which no server masks."""
    first, length = client._exactly(2)
    assert length < 128
    if length == 126:
        length = int.from_bytes(client._exactly(2), "big")
    elif length == 127:
        length = int.from_bytes(client._exactly(8), "big")
    return first, client._exactly(length)
