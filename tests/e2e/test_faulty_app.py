"""Applications that do wrong: the client gets the truth, the log the reason; the worker lives."""

from __future__ import annotations

import re
import sys

import pytest

from e2e.client import CutShortError
from e2e.server import APPS, Server

sys.path.insert(0, str(APPS))
import faulty_app  # the paths to try are listed there

sys.path.remove(str(APPS))

PAGE = (
    b"<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n"
    b"    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n"
)


def lives(server: Server) -> bool:
    """Whether the server still answers."""
    return server.get("/fine") == (200, b"fine")


def test_an_exception_gives_the_error_page_and_a_traceback(faulty: Server) -> None:
    with faulty.client() as client:
        client.get("/raises")
        answer = client.response()
        assert (answer.status, answer.body) == (500, PAGE)
        assert answer.get("Connection") == "close"
        assert answer.get("Content-Type") == "text/html"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", answer.get("Date") or "")
        assert client.is_closed()
    faulty.log.wait_for(r"\[ERROR\] Error handling request GET /raises$")
    faulty.log.wait_for(r"faulty_app\.py\", line \d+, in ")
    faulty.log.wait_for("RuntimeError: the view is broken")
    assert lives(faulty)


@pytest.mark.parametrize(
    "path", ["/raises-after-start", "/never-starts", "/never-starts-empty", "/starts-twice"]
)
def test_nothing_was_sent_yet(faulty: Server, path: str) -> None:
    with faulty.client() as client:
        client.get(path)
        assert client.response().status == 500
        assert client.is_closed()
    faulty.log.wait_for(f"Error handling request GET {path}$")
    assert lives(faulty)


@pytest.mark.parametrize(
    ("path", "raised"), [("/exits", r"SystemExit\(7\)"), ("/interrupts", r"KeyboardInterrupt\(\)")]
)
def test_system_exit_answers_500(faulty: Server, path: str, raised: str) -> None:
    with faulty.client() as client:
        client.get(path)
        assert client.response().status == 500
        assert client.is_closed()
    assert lives(faulty)
    faulty.log.wait_for(rf"The application raised {raised}; (the worker|its thread) goes on")
    assert len(faulty.log.matching("Booting worker")) == 1


@pytest.mark.parametrize("path", ["/raises-in-body", "/exc-info-after-head"])
def test_after_the_head_the_connection_is_aborted(faulty: Server, path: str) -> None:
    with faulty.client() as client:
        client.get(path)
        with pytest.raises(CutShortError):
            client.response()
    faulty.log.wait_for(f"Error handling request GET {path}$")
    assert lives(faulty)


def test_close_is_called_after_an_error(faulty: Server) -> None:
    before = len(faulty.log.matching("app: closed after the error"))
    with faulty.client() as client:
        client.get("/raises-in-body")
        client.everything()
    faulty.log.wait_for("app: closed after the error", before + 1)


def test_an_error_in_close_is_logged(faulty: Server) -> None:
    with faulty.client() as client:
        client.get("/close-raises")
        assert client.response().body == b"done"
    faulty.log.wait_for("RuntimeError: in close")
    assert lives(faulty)


def test_fewer_bytes_than_announced_close_the_connection(faulty: Server) -> None:
    with faulty.client() as client:
        client.get("/too-few")
        client.get("/fine")
        seen = client.everything()
    assert seen.endswith(b"\r\n\r\nonly a few")
    faulty.log.wait_for(r"GET /too-few")


@pytest.mark.parametrize("path", ["/too-many", "/too-many-written", "/too-many-in-a-block"])
def test_never_more_bytes_than_announced(faulty: Server, path: str) -> None:
    with faulty.client() as client:
        client.get(path)
        answer = client.response()
        assert answer.body == b"four"
        if answer.keeps_alive:
            client.get("/fine")
            assert client.response().body == b"fine"
        else:
            assert client.is_closed()
    assert lives(faulty)


@pytest.mark.parametrize("path", faulty_app.HEADS)
def test_a_malformed_head_is_refused(faulty: Server, path: str) -> None:
    with faulty.client() as client:
        client.get(path)
        seen = client.everything()
    assert seen.startswith(b"HTTP/1.1 500 ")
    assert b"injected" not in seen.lower()
    assert lives(faulty)


@pytest.mark.parametrize("path", faulty_app.BODIES)
def test_a_body_that_is_no_iterable_of_bytes(faulty: Server, path: str) -> None:
    with faulty.client() as client:
        client.get(path)
        seen = client.everything()
    assert seen.startswith((b"HTTP/1.1 500 ", b"HTTP/1.1 200 OK"))
    assert not seen.endswith(b"0\r\n\r\n"), "an incomplete answer must not look complete"
    faulty.log.wait_for(f"Error handling request GET {path}$")
    assert lives(faulty)
