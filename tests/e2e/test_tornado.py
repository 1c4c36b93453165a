"""Applications of tornado's own: its handlers over the engine's connections."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from websockets.sync.client import ClientConnection, connect

from e2e.client import Client, CutShortError
from e2e.server import Server, open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.server import Serve

ARGS = ("-k", "tornado")
SITE = "tornado_site:app"


def websocket(url: str) -> ClientConnection:
    """A WebSocket connection."""
    return connect(url, proxy=None, open_timeout=PATIENCE)


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """The site, for tests that leave no trace."""
    server = Server(SITE, *ARGS, "--access-logfile", "-")
    yield server
    server.finish()


def test_a_page(own: Server) -> None:
    with own.client() as client:
        client.get("/")
        answer = client.response()
        assert (answer.status, answer.reason) == (200, "OK")
        assert answer.body == b"Hello, World!\n"
        assert answer.get("Content-Length") == "14"
        assert answer.get("Server") == "licorne"
        assert answer.get("Date") is not None
        assert answer.keeps_alive
        client.get("/", f"If-None-Match: {answer.get('Etag')}")
        again = client.response()
        assert (again.status, again.get("Content-Length")) == (304, None)
        client.request("HEAD", "/")
        head = client.response("HEAD")
        assert (head.status, head.get("Content-Length")) == (200, "14")
        client.get("/nowhere")
        assert client.response().status == 404
        client.request("DELETE", "/")
        assert client.response().status == 405


def test_pipelined_requests_are_answered_in_order(own: Server) -> None:
    with own.client() as client:
        client.send(
            b"".join(
                b"GET /seen?%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number for number in range(20)
            )
        )
        for number in range(20):
            body = client.response().body
            assert body == b"127.0.0.1 http HTTP/1.1 /seen?%d\n" % number


def test_the_access_log(own: Server) -> None:
    own.get("/seen?logged")
    own.output.wait_for(r'127\.0\.0\.1 - - \[.*\] "GET /seen\?logged HTTP/1\.1" 200 3\d "-" "-"')


def test_what_a_proxy_says(own: Server) -> None:
    with own.client() as client:
        client.get("/seen", "X-Forwarded-Proto: https", "X-Forwarded-For: 203.0.113.9")
        assert client.response().body.split()[1] == b"https"
        client.request("GET", "http://localhost/seen?absolute")
        assert client.response().body.split()[3] == b"/seen?absolute"
        client.request("GET", "/seen", version="1.0")
        old = client.response()
        assert old.body.split()[2] == b"HTTP/1.0"
        assert client.is_closed()


def test_requests_wait_beside_each_other(own: Server, fifo: str) -> None:
    with own.client() as slow, own.client() as quick:
        slow.get(f"/slow?fifo={fifo}")
        own.log.wait_for("app: waits in slow")
        quick.get("/")
        assert quick.response().status == 200
        open_gate(fifo)
        assert slow.response().body == b"slow\n"


def test_a_block_leaves_when_it_is_flushed(own: Server, fifo: str) -> None:
    with own.client() as client:
        client.get(f"/stream?fifo={fifo}")
        shown = b""
        while not shown.endswith(b"first \r\n"):
            shown += client.some()
        assert b"Transfer-Encoding: chunked" in shown
        open_gate(fifo)
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            rest += client.some()
        # Blocks that follow each other soon may be one chunk.
        sizes_and_data = rest.split(b"\r\n")
        assert b"".join(sizes_and_data[1::2]) == b"second last\n"
        client.get("/")
        assert client.response().status == 200


def test_a_slow_reader_delays_its_own_handler_alone(serve: Serve) -> None:
    server = serve(SITE, *ARGS)
    with server.client() as quick, Client.narrow(server.port) as slow:
        slow.get("/endless")
        assert slow.some()
        for _ in range(20):
            quick.get("/")
            assert quick.response().status == 200
    server.log.wait_for("app: the client has gone after some blocks")
    blocks = int(server.log.wait_for(r"app: (\d+) blocks were taken").group(1))
    # What the kernel's buffers and the engine's hold: far less than the handler has to give.
    assert blocks < 1000


def test_a_long_poll(serve: Serve) -> None:
    server = serve(SITE, *ARGS)
    with server.client() as waits, server.client() as tells:
        waits.get("/poll")
        server.log.wait_for("app: waits for news")
        tells.request("POST", "/poll?news=rain")
        assert tells.response().status == 200
        assert waits.response().body == b"rain"


def test_a_client_that_leaves_a_long_poll_is_noticed(serve: Serve) -> None:
    server = serve(SITE, *ARGS)
    for turn in (1, 2):
        with server.client() as client:
            if turn == 2:
                # A connection that the engine has known for longer.
                client.get("/")
                client.response()
            client.get("/poll")
            server.log.wait_for("app: waits for news", turn)
        server.log.wait_for("app: the client has left", turn)
        server.log.wait_for("app: the poll is over", turn)
    assert server.stop() == 0


def test_a_client_that_has_stopped_sending_still_gets_its_answer(serve: Serve, fifo: str) -> None:
    server = serve(SITE, *ARGS)
    with server.client() as client:
        client.get(f"/slow?fifo={fifo}")
        client.end()
        server.log.wait_for("app: the gate is watched")
        open_gate(fifo)
        assert client.response().body == b"slow\n"


def test_failures_are_answered_and_the_worker_goes_on(serve: Serve) -> None:
    server = serve(SITE, *ARGS, tracebacks=True)
    assert server.get("/fail/http")[0] == 418
    assert server.get("/fail/plain")[0] == 500
    server.log.wait_for("RuntimeError: this handler fails")
    assert server.get("/fail/exit")[0] == 500
    server.log.wait_for(r"The application raised SystemExit\(3\); the worker goes on")
    assert server.get("/")[0] == 200
    assert len(server.log.matching("Booting worker")) == 1


def test_uploads(own: Server) -> None:
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="title"\r\n\r\nlarge\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="data"; filename="data.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + b"\0" * 3_000_000 + b"\r\n--edge--\r\n"
    )
    with own.client() as client:
        client.request(
            "POST", "/upload", "Content-Type: multipart/form-data; boundary=edge", body=body
        )
        answer = json.loads(client.response().body)
    assert answer == {"title": "large", "files": {"data": [["data.bin", 3_000_000]]}}


def test_a_body_in_pieces(own: Server) -> None:
    with own.client() as client:
        client.request("PUT", "/pieces", body=b"x" * 1_000_000)
        assert client.response().body == b"1000000"
        client.request("PUT", "/pieces?refuse=1", body=b"x" * 1_000_000)
        assert client.response().status == 403
        client.request("PUT", "/pieces?most=1000", body=b"x" * 1_000_000)
        assert client.response().status == 400
        assert client.is_closed()


def test_a_body_over_the_limit_is_refused(serve: Serve) -> None:
    server = serve(SITE, *ARGS, "--limit-request-body", "1000")
    with server.client() as client:
        client.request("PUT", "/pieces", body=b"x" * 2000)
        assert client.response().status == 413


def test_a_websocket(serve: Serve) -> None:
    server = serve(SITE, *ARGS)
    url = f"ws://127.0.0.1:{server.port}/echo"
    with websocket(url) as one, websocket(url) as other:
        assert one.recv() == other.recv() == "welcome"
        one.send("text")
        other.send(b"\0" * 1_000_000)
        assert one.recv() == "text"
        assert other.recv() == b"\0" * 1_000_000
    server.log.wait_for("app: the conversation is over", 2)
    assert server.get("/")[0] == 200


def test_a_websocket_whose_first_message_comes_with_the_request(serve: Serve) -> None:
    server = serve(SITE, *ARGS)
    with server.client() as client:
        # A masked text frame (RFC 6455, section 5.2); the mask is zero.
        frame = b"\x81\x82\0\0\0\0hi"
        head = (
            b"GET /echo HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        client.send(head + frame)
        answer = client.response()
        assert answer.status == 101
        assert answer.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        shown = b""
        while len(shown) < 13:
            shown += client.some()
        assert shown == b"\x81\x07welcome\x81\x02hi"


def test_a_websocket_sees_the_end_of_its_worker(serve: Serve) -> None:
    server = serve(SITE, *ARGS)
    with websocket(f"ws://127.0.0.1:{server.port}/echo") as client:
        assert client.recv() == "welcome"
        assert server.stop() == 0
        server.log.wait_for("app: the conversation is over")


def test_a_request_that_was_begun_is_finished(serve: Serve, fifo: str) -> None:
    server = serve(SITE, *ARGS)
    with server.client() as client:
        client.get(f"/slow?fifo={fifo}")
        server.log.wait_for("app: the gate is watched")
        server.send(signal.SIGTERM)
        server.log.wait_for("Handling signal: term")
        open_gate(fifo)
        assert client.response().body == b"slow\n"
    assert server.wait() == 0


def test_a_request_longer_than_graceful_timeout_is_given_up(serve: Serve) -> None:
    server = serve(SITE, *ARGS, "--graceful-timeout", "1", tracebacks=True)
    with server.client() as client:
        client.get("/stuck")
        server.log.wait_for("app: is stuck")
        assert server.stop() == 0
    server.log.wait_for("app: is cancelled")


def test_a_request_over_its_time_is_answered_and_cancelled(serve: Serve) -> None:
    # tornado before 6.6 logs the cancellation itself.
    server = serve(SITE, *ARGS, "--request-timeout", "1", "--access-logfile", "-", tracebacks=True)
    with server.client() as stuck, server.client() as begun:
        stuck.get("/stuck")
        begun.get("/stuck?begun=1")
        server.log.wait_for("app: is stuck", 2)
        assert stuck.response().status == 504
        with pytest.raises(CutShortError):
            begun.response()
        assert server.get("/")[0] == 200
    server.log.wait_for("app: is cancelled", 2)
    server.log.wait_for(r"Request over its time: GET /stuck from 127\.0\.0\.1")
    server.log.wait_for(r'File ".*tornado_site\.py", line \d+, in get')
    server.output.wait_for('"GET /stuck HTTP/1.1" 504')
    assert len(server.log.matching("Booting worker")) == 1


def test_hooks_see_the_request_and_its_answer(serve: Serve, tmp_path: Path, fifo: str) -> None:
    config = tmp_path / "conf.py"
    config.write_text(
        "def pre_request(worker, req):\n"
        "    if req.path == '/refused':\n"
        "        raise ValueError('this hook refuses')\n"
        "    worker.log.info('pre %s %s', req.method, req.path)\n"
        "def post_request(worker, req, environ, resp):\n"
        "    worker.log.info('post %s %s %s', req.path, environ['REMOTE_ADDR'], resp.status)\n"
    )
    server = serve(SITE, *ARGS, "-c", str(config), tracebacks=True)
    with server.client() as client:
        client.get(f"/slow?fifo={fifo}")
        server.log.wait_for("pre GET /slow")
        assert server.get("/seen")[0] == 200
        server.log.wait_for("post /seen 127.0.0.1 200 OK")
        open_gate(fifo)
        assert client.response().status == 200
    server.log.wait_for("post /slow 127.0.0.1 200 OK")
    assert server.get("/refused")[0] == 500
    server.log.wait_for("post /refused 127.0.0.1 500 Internal Server Error")


def test_wsgi_behind_tornados_router(own: Server) -> None:
    assert own.get("/wsgi/somewhere") == (200, b"WSGI at /wsgi/somewhere\n")


@pytest.mark.parametrize("name", ["container", "threaded"])
def test_a_wsgi_container(serve: Serve, name: str) -> None:
    server = serve(f"tornado_site:{name}", *ARGS)
    assert server.get("/anywhere") == (200, b"WSGI at /anywhere\n")


def test_a_file(own: Server) -> None:
    status, body = own.get("/static/tornado_site.py")
    assert status == 200
    assert body.startswith(b'"""An application of tornado')


def test_a_wsgi_stream_whose_client_reads_slowly_delays_no_other(serve: Serve) -> None:
    server = serve("site_app", *ARGS)
    with server.client() as quick, Client.narrow(server.port) as slow:
        slow.get("/endless?name=slow")
        assert slow.some()
        for _ in range(20):
            quick.get("/")
            assert quick.response().status == 200
    server.log.wait_for("app: closed slow")


def test_a_wsgi_stream_over_its_time_is_closed(serve: Serve) -> None:
    server = serve("site_app", *ARGS, "--request-timeout", "1")
    with server.client() as quick, Client.narrow(server.port) as slow:
        slow.get("/endless?name=slow")
        assert slow.some()
        server.log.wait_for("app: closed slow")
        quick.get("/")
        assert quick.response().status == 200
    server.log.wait_for(r"Request over its time: GET /endless\?name=slow")
    server.log.wait_for("No Python stack: the client reads slowly")
    assert len(server.log.matching("Booting worker")) == 1


def test_a_wsgi_stream_that_outlives_its_worker_is_closed(serve: Serve) -> None:
    server = serve("site_app", *ARGS, "--graceful-timeout", "1")
    with Client.narrow(server.port) as slow:
        slow.get("/endless?name=slow")
        assert slow.some()
        assert server.stop() == 0
    server.log.wait_for("app: closed slow")


def test_loaded_before_the_fork(serve: Serve) -> None:
    server = serve(SITE, *ARGS, "--preload", "-w", "2")
    for _ in range(4):
        assert server.get("/") == (200, b"Hello, World!\n")
    assert server.stop() == 0


def test_what_the_application_has_put_on_its_loop_runs_there(serve: Serve) -> None:
    server = serve("tornado_site:ticking()", *ARGS)
    server.log.wait_for("app: tick", 2)
    assert server.get("/")[0] == 200
