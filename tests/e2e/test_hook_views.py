"""`req` and `resp` of hooks: what they keep, what they have, and what becomes of assignments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APP = """
import gc
import json

KEPT = []


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/kept":
        answer = [[r.method, r.path, r.query, dict(r.headers)["X-ID"], s.status, s.headers, s.sent]
                  for r, s in KEPT]
    elif path == "/let-go":
        KEPT.clear()
        gc.collect()
        answer = sum(type(each).__name__ == "Exchange" for each in gc.get_objects())
    else:
        answer = path
    body = json.dumps(answer).encode()
    start_response("200 OK", [("X-Id", environ.get("HTTP_X_ID", ""))])
    return [body] if path != "/chunked" else iter([body, b""])
"""
#: Keeps everything, for ever, and looks at each request only when others have come meanwhile.
KEEPING = """
import time
import an_app


def post_request(worker, req, environ, resp):
    time.sleep(0.01)
    if req.path == "/keep":
        # Views that have asked for nothing yet.
        an_app.KEPT.append((type(req)(req.exchange, req.cfg), type(resp)(req.exchange, req)))
    said = [req.method, req.path, req.query, dict(req.headers)["X-ID"], resp.status]
    worker.log.info("AFTER %s", " ".join(said))
"""
#: At a time: more than the engine keeps for later use.
MANY = 40


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory with the application."""
    (tmp_path / "an_app.py").write_text(APP)
    return tmp_path


def test_everything_is_there_for_as_long_as_it_is_held(
    args: tuple[str, ...], serve: Serve, site: Path
) -> None:
    (site / "gunicorn.conf.py").write_text(KEEPING)
    server = serve("an_app:app", *args, cwd=site)
    for first in (0, MANY):
        clients = [server.client() for _ in range(MANY)]
        for number, client in enumerate(clients, first):
            client.get(f"/keep?{number}", f"X-Id: {number}", close=True)
        for client in clients:
            with client:
                assert client.response().status == 200
        server.log.wait_for("AFTER GET /keep", first + MANY)
    numbers = [str(number) for number in range(2 * MANY)]
    found = {line.split()[-3] for line in server.log.matching("AFTER GET /keep .* 200 OK")}
    assert found == set(numbers)
    with server.client() as client:
        client.get("/kept", "X-Id: x")
        kept = json.loads(client.response().body)
        assert sorted(kept) == sorted(
            ["GET", "/keep", n, n, "200 OK", [["X-Id", n]], 7] for n in numbers
        )
        client.get("/let-go", "X-Id: x", close=True)
        # As many as there were at a time, for later use; the others are gone.
        assert int(client.response().body) <= MANY + 20
    server.stop()
    assert not server.log.matching("Exception in post_request")


#: Looks at what it was given when its client has had the answer, and others have come.
SLOW = """
import time

def post_request(worker, req, environ, resp):
    time.sleep(0.01)
    worker.log.info("AFTER %s %s %s %s", req.method, req.path, req.query, resp.status)
"""


def test_a_hook_that_takes_its_time(args: tuple[str, ...], serve: Serve, site: Path) -> None:
    """While requests come one after the other, and at once."""
    (site / "gunicorn.conf.py").write_text(SLOW)
    server = serve("an_app:app", *args, cwd=site)
    for number in range(MANY):
        assert server.get(f"/slow?{number}")[0] == 200
    clients = [server.client() for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.get(f"/slow?{number}", close=True)
    for client in clients:
        with client:
            assert client.response().status == 200
    server.log.wait_for("AFTER GET /slow", 2 * MANY)
    found = [line.split()[-3] for line in server.log.matching("AFTER GET /slow .* 200 OK")]
    assert sorted(found) == sorted([*map(str, range(MANY))] * 2)
    server.stop()
    assert not server.log.matching("Exception in post_request")


#: What `handle_request` gets in each worker class, and the subclass that looks afterwards.
CLASSES = {
    "sync": ("licorne.workers.sync", "SyncWorker"),
    "gthread": ("licorne.workers.gthread", "ThreadWorker"),
    "gevent": ("licorne.workers.ggevent", "GeventWorker"),
    "eventlet": ("licorne.workers.geventlet", "EventletWorker"),
}
AFTERWARDS = """
import time
from {0} import {1}


class Worker({1}):
    def handle_request(self, *args):
        req = next(each for each in args if hasattr(each, "method"))
        super().handle_request(*args)
        time.sleep(0.005)
        self.log.info("AFTER %s %s %s", req.method, req.path, req.query)


worker_class = Worker
"""


@pytest.mark.parametrize("kind", list(CLASSES))
def test_a_subclass_looks_after_the_request(serve: Serve, site: Path, kind: str) -> None:
    (site / "gunicorn.conf.py").write_text(AFTERWARDS.format(*CLASSES[kind]))
    server = serve("an_app:app", "--threads", "4" if kind == "gthread" else "1", cwd=site)
    clients = [server.client() for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.get(f"/?{number}", close=True)
    for client in clients:
        with client:
            assert client.response().status == 200
    server.log.wait_for("AFTER GET / ", MANY)
    server.stop()
    assert not server.log.matching("Exception in handle_request")


#: Every attribute of gunicorn's request is assigned; the log tells what the others had.
ASSIGNING = """
import io


def pre_request(worker, req):
    assert (req.cfg, req.must_close, req.trailers) == (worker.cfg, False, [])
    assert req.limit_request_line == 4094 and req.limit_request_fields == 100
    assert req.limit_request_field_size == 8190 and req.max_buffer_headers > 8190 * 100
    assert req.unreader.sock is req.socket
    worker.log.info("REQUEST %s %s %s %s", req.req_number, req.fragment, req.uri, req.version)
    req.method = "PATCH"
    req.scheme = "https"
    req.path = "/other%20path"
    req.query = "q=2"
    req.uri = "/raw"
    req.fragment = "f"
    req.version = (1, 2)
    req.headers = [(n, v) for n, v in req.headers if n != "X-GONE"] + [("X-NEW", "1")]
    req.headers[0] = ("HOST", "another")
    req.body = io.BytesIO(b"replaced")
    req.remote_addr = req.peer_addr = ("192.0.2.1", 7)
    req.trailers.append(("X", "1"))
    req.limit_request_line = req.limit_request_fields = req.req_number = 1
    req.proxy_protocol_info = dict(
        proxy_protocol="TCP4", client_addr="192.0.2.9", client_port=9, proxy_addr="192.0.2.8",
        proxy_port=8,
    )
    req.force_close()


def post_request(worker, req, environ, resp):
    assert resp.req is req and resp.cfg is worker.cfg and resp.sock is req.socket
    assert req.method == "PATCH" and resp.version == "licorne" and not resp.upgrade
    worker.log.info("RESPONSE %s %s", resp.chunked, resp.must_close)
    resp.status, resp.headers, resp.sent, resp.chunked = "418 I", [], 0, False
    resp.version, resp.upgrade, resp.must_close, resp.headers_sent = "x", True, True, False
    resp.response_length = resp.status_code = 5
    resp.force_close()
    assert resp.should_close()
"""
TELLING = """
import json


def app(environ, start_response):
    told = {k: v for k, v in environ.items() if isinstance(v, str)}
    told["body"] = environ["wsgi.input"].read().decode()
    start_response("200 OK", [])
    return iter([json.dumps(told).encode(), b""])
"""


def test_what_a_hook_assigns(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(TELLING)
    (tmp_path / "gunicorn.conf.py").write_text(ASSIGNING)
    server = serve("an_app:app", *args, cwd=tmp_path)
    with server.client() as client:
        client.send(
            b"POST /a?b#part HTTP/1.1\r\nHost: h\r\nX-Gone: 1\r\nX-Stays: 1\r\n"
            b"Content-Length: 5\r\n\r\nfirst"
        )
        response = client.response()
        assert response.status == 200
        # force_close() of the hook.
        assert response.get("Connection") == "close"
    told = json.loads(response.body)
    expected = {
        "REQUEST_METHOD": "PATCH", "wsgi.url_scheme": "https", "PATH_INFO": "/other path",
        "SCRIPT_NAME": "", "QUERY_STRING": "q=2", "RAW_URI": "/raw", "HTTP_HOST": "another",
        "SERVER_PROTOCOL": "HTTP/1.2", "HTTP_X_NEW": "1", "HTTP_X_STAYS": "1",
        "CONTENT_LENGTH": "5", "body": "replaced", "REMOTE_ADDR": "192.0.2.9", "REMOTE_PORT": "9",
        "PROXY_PROTOCOL": "TCP4", "PROXY_ADDR": "192.0.2.8", "PROXY_PORT": "8",
    }  # fmt: skip
    assert {key: told.get(key) for key in expected} == expected
    assert "HTTP_X_GONE" not in told
    server.log.wait_for(r"REQUEST 1 part /a\?b#part \(1, 1\)")
    server.log.wait_for("RESPONSE True True")
    server.stop()
    assert not server.log.matching("Exception in post_request")


#: Counts the requests of a connection, and mounts the application by a header.
MOUNTING = """
def pre_request(worker, req):
    worker.log.info("NUMBER %s", req.req_number)
    req.headers.append(("SCRIPT_NAME", "/app"))
    req.scheme = "https"
"""


def test_a_hook_mounts_the_application(
    args: tuple[str, ...], serve: Serve, tmp_path: Path, short_tmp: str
) -> None:
    (tmp_path / "an_app.py").write_text(TELLING)
    (tmp_path / "gunicorn.conf.py").write_text(MOUNTING)
    server = serve("an_app:app", *args, cwd=tmp_path, bind=[f"unix:{short_tmp}/s"])
    server.log.wait_for("Booting worker")
    with Client.unix(f"{short_tmp}/s") as client:
        for number in (1, 2):
            client.get("/app/x%2fy")
            told = json.loads(client.response().body)
            # Told by Host and the scheme on a unix socket, as in gunicorn.
            assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("/app", "/x/y")
            assert (told["wsgi.url_scheme"], told["SERVER_PORT"]) == ("https", "443")
            server.log.wait_for(f"NUMBER {number}")
