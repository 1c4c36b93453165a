"""Both logs as JSON, ids of requests, the time in the queue, and lines that are left out."""

from __future__ import annotations

import json
import random
import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server

ACCESS = (
    "timestamp", "level", "logger", "pid", "worker", "message", "method", "path", "query",
    "protocol", "status", "bytes", "duration", "queue_time", "peer", "referer", "user_agent",
    "request_id",
)  # fmt: skip
#: An application that touches nothing, and one that takes the lines away from the engine.
APPS = {
    "native": "import logging\n",
    "python": "import logging\n"
    "logging.getLogger('gunicorn.access').addFilter(lambda record: True)\n",
}
APP = """
def app(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError('a "quoted" line\\nand another')
    start_response(environ["QUERY_STRING"].replace("+", " ") or "200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""
#: What applications see of the id and the waiting.
KEYS = ["HTTP_X_REQUEST_ID", "licorne.request_id", "licorne.queue_time"]


def _text(raw: bytes) -> str:
    """What the log makes of bytes."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def records(server: Server, path: Path) -> list[dict[str, object]]:
    """The lines of a log, once the server has ended."""
    server.stop()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("way", APPS)
def test_one_schema(way: str, args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "an_app.py").write_text(APPS[way] + APP)
    logs = ("--access-logfile", str(tmp_path / "a"), "--log-format", "json", "--request-id")
    server = serve("an_app:app", *args, *logs, cwd=tmp_path)
    with server.client() as client:
        fields = ('Referer: \\ref"', "User-Agent: \xff", "X-Request-ID: a-1")
        client.get("/caf%C3%A9/%22?200+OK", *fields)
        assert client.response().get("X-Request-ID") == "a-1"
        client.get("/fail")
        failed = client.response()
    first, second = sorted(records(server, tmp_path / "a"), key=lambda each: str(each["status"]))
    assert tuple(first) == ACCESS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(first["timestamp"]))
    assert first["message"] == "GET /caf%C3%A9/%22?200+OK HTTP/1.1"
    shown = [first[name] for name in ("method", "path", "query", "protocol", "status", "bytes")]
    assert shown == ["GET", '/café/"', "200+OK", "HTTP/1.1", 200, 5]
    shown = [first[name] for name in ("peer", "referer", "user_agent", "request_id", "worker")]
    assert shown == ["127.0.0.1", '\\ref"', "\xff", "a-1", 1]
    assert 0 <= float(str(first["duration"])) < 20
    assert 0 <= float(str(first["queue_time"])) < 20
    assert (second["status"], second["request_id"]) == (500, failed.get("X-Request-ID"))
    errors = [json.loads(each) for each in server.log.rest()]
    assert {"timestamp", "level", "logger", "pid", "message"} <= set.intersection(*map(set, errors))
    (told,) = [each for each in errors if "traceback" in each]
    assert told["request_id"] == failed.get("X-Request-ID")
    assert told["level"] == "error"
    assert told["message"].startswith("Error handling request GET /fail [")
    assert told["traceback"].endswith('ValueError: a "quoted" line\nand another')


@pytest.mark.parametrize("way", APPS)
def test_any_bytes(way: str, args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    """The same requests with random bytes give valid, and the same, JSON both ways."""
    (tmp_path / "an_app.py").write_text(APPS[way] + APP)
    path = tmp_path / "a"
    server = serve(
        "an_app:app",
        *args,
        "--access-logfile",
        str(path),
        "--log-format",
        "json",
        cwd=tmp_path,
    )
    chance = random.Random(4)
    sent = []
    with server.client() as client:
        for _ in range(300):
            raw = bytes(chance.choice(range(256)) for _ in range(8))
            value = bytes(b for b in raw if b >= 0x20 and b != 0x7F).strip()
            target = "".join(f"%{byte:02x}" for byte in raw).encode()
            client.send(b"GET /%b HTTP/1.1\r\nHost: a\r\nUser-Agent: %b\r\n\r\n" % (target, value))
            assert client.response().status == 200
            sent.append((_text(b"/" + raw), _text(value) or None))
    # A thread may write its line when another has answered the next request already.
    seen = [(str(each["path"]), each["user_agent"]) for each in records(server, path)]
    assert sorted(seen) == sorted(sent)


def serving(way: str, serve: Serve, folder: Path, *args: str) -> tuple[Server, Path]:
    """A server whose access lines the engine writes, or Python, and its access log."""
    (folder / f"an_app_{way}.py").write_text(APPS[way] + APP)
    path = folder / way
    named = ("--access-logfile", str(path), "--access-logformat", "%(U)s %(s)s")
    return serve(f"an_app_{way}:app", *args, *named, cwd=folder), path


LEFT_OUT = ("/healthz", "/static/*", "3xx", "404")


def test_left_out(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    excluded = [word for each in LEFT_OUT for word in ("--access-log-exclude", each)]
    for way in APPS:
        server, path = serving(way, serve, tmp_path, *args, *excluded)
        paths = ("/healthz", "/healthz/a", "/static/b", "/?301+x", "/?404+x", "/?299+x", "/c")
        with server.client() as client:
            for each in paths:
                client.get(each)
                client.response()
        server.stop()
        lines = path.read_text(encoding="utf-8").splitlines()
        assert sorted(lines) == ["/ 299", "/c 200", "/healthz/a 200"], way


def test_a_share_of_the_lines(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    seen = {}
    for way in APPS:
        server, path = serving(way, serve, tmp_path, *args, "--access-log-sample", "0.3")
        with server.client() as client:
            for number in range(100):
                client.get(f"/{number}" + ("?503+x" if number % 10 == 0 else ""))
                client.response()
        server.stop()
        seen[way] = path.read_text(encoding="utf-8").splitlines()
    assert len(seen["native"]) == len(seen["python"])
    assert sum(line.endswith(" 503") for line in seen["native"]) == 10
    assert 10 < sum(line.endswith(" 200") for line in seen["native"]) < 50


def test_ids(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "a"
    form = "%({request_id}x)s"
    server = serve(
        "site_app", *args, "--access-logfile", str(path), "--access-logformat", form, "--request-id"
    )
    seen = []
    with server.client() as client:
        for given in ("ok-1.2_3~+/=:@", "", "a b", 'x"', "x" * 129, "x" * 128):
            client.get("/environ", *([f"X-Request-ID: {given}"] if given else []))
            answer = client.response()
            environ = json.loads(answer.body)
            assert environ["HTTP_X_REQUEST_ID"] == environ["licorne.request_id"]
            assert answer.all("X-Request-ID") == [environ["licorne.request_id"]]
            seen.append(environ["licorne.request_id"])
    assert (seen[0], seen[-1]) == ("ok-1.2_3~+/=:@", "x" * 128)
    made = seen[1:-1]
    assert len(set(made)) == 4
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
    server.stop()
    assert path.read_text(encoding="utf-8").splitlines() == seen


def test_no_ids_from_strangers_and_none_unasked(
    args: tuple[str, ...], serve: Serve, site: Server
) -> None:
    server = serve("site_app", *args, "--request-id", "--forwarded-allow-ips", "192.0.2.1")
    with server.client() as client:
        for _ in range(3):
            client.get("/environ", "X-Request-ID: mine")
            answer = client.response()
            assert re.fullmatch("[0-9a-f]{32}", answer.get("X-Request-ID") or "")
            assert json.loads(answer.body)["HTTP_X_REQUEST_ID"] == answer.get("X-Request-ID")
    with site.client() as client:
        client.get("/environ", "X-Request-ID: mine")
        answer = client.response()
        environ = json.loads(answer.body)
    assert answer.get("X-Request-ID") is None
    assert [environ.get(name) for name in KEYS] == ["mine", None, None]


def test_the_time_in_the_queue(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "a"
    form = "%({queue_time}x)s"
    (tmp_path / "an_app.py").write_text(
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [repr(environ['licorne.queue_time']).encode()]\n"
    )
    server = serve(
        "an_app:app",
        *args,
        "--access-logfile",
        str(path),
        "--access-logformat",
        form,
        "--queue-time",
        cwd=tmp_path,
    )
    told = []
    with server.client() as client:
        for header in ("X-None: 0", "X-Request-Start: t={:.3f}", "X-Request-Start: soon"):
            client.get("/", header.format(time.time() - 100))
            told.append(float(client.response().body))
    server.stop()
    assert [float(line) for line in path.read_text(encoding="utf-8").splitlines()] == pytest.approx(
        told, abs=1e-6
    )
    assert 0 <= told[0] < 20
    assert 99 <= told[1] < 130
    assert 0 <= told[2] < 20
