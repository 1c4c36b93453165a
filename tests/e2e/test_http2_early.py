"""Responses without content are complete with their heads, also before the body of the request."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from e2e.h2_client import H2Client
from e2e.test_http2 import start

if TYPE_CHECKING:
    from e2e.server import Serve

BEFORE = [("HEAD", 200), ("POST", 204), ("PUT", 304)]
LATE_BODY = b"x" * 200_000
READ = f"app: read {hashlib.sha256(LATE_BODY).hexdigest()}"


def test_a_request_is_read_behind_its_response(serve: Serve) -> None:
    server = start(serve, "asgi", "--access-logfile", "-", "--access-logformat", "%(m)s %(s)s")
    with H2Client(server.port) as client:
        for number, (method, status) in enumerate(BEFORE, 1):
            stream = client.begin(method, f"/before?status={status}")
            assert client.answer(stream).ended_with_head
            # The application waits for the body, and others are answered.
            assert client.get("/").body == b"hello"
            client.give(stream, LATE_BODY, end=True)
            server.log.wait_for(READ, number)
            server.log.wait_for(f"app: {status} is complete")
            server.output.wait_for(f"^{method} {status}$")
        assert client.get("/").body == b"hello"
        # An application that is done without the body does not want it.
        stream = client.begin("POST", "/empty?status=204")
        client.until(lambda: client.answers[stream].reset is not None)
        assert (client.answers[stream].status, client.answers[stream].reset) == (204, 0)
    assert not server.log.matching("Traceback|app: read no more")


def test_a_client_that_leaves_behind_its_response_is_told_of(serve: Serve) -> None:
    server = start(serve, "asgi")
    with H2Client(server.port) as client:
        stream = client.begin("POST", "/before?status=204")
        assert client.answer(stream).ended_with_head
        client.reset(stream)
        server.log.wait_for("app: read no more")
        assert client.get("/").body == b"hello"


def test_over_http_1_a_request_is_read_behind_its_response(serve: Serve) -> None:
    server = start(serve, "asgi", "--http2-cleartext", "both")
    with server.client() as client:
        for number, (method, status) in enumerate(BEFORE, 1):
            length = f"Content-Length: {len(LATE_BODY)}"
            client.request(method, f"/before?status={status}", length)
            assert client.response(method).status == status
            client.send(LATE_BODY)
            server.log.wait_for(READ, number)
            server.log.wait_for(f"app: {status} is complete")
