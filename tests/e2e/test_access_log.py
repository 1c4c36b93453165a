"""The access log: gunicorn's format, every atom, and what a client cannot do to it."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

from e2e import transport
from e2e.server import open_gate

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve, Server


def lines_of(server: Server, path: Path) -> list[str]:
    """All lines, once the server has ended."""
    server.stop()
    return path.read_text(encoding="latin-1").splitlines()


def test_the_default_format(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    server = serve("site_app", *args, "--access-logfile", str(tmp_path / "access"))
    with server.client() as client:
        client.get("/?q=1", "Referer: http://from.example/", "User-Agent: test/1")
        client.response()
        client.get("/status?code=204")
        client.response()
    first, second = lines_of(server, tmp_path / "access")
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
        rf'"GET /\?q=1 {re.escape(transport.PROTOCOL)}" 200 5 "http://from\.example/" "test/1"',
        first,
    )
    assert second.endswith(f'"GET /status?code=204 {transport.PROTOCOL}" 204 0 "-" "-"')


def test_every_atom(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    names = "h l u r s m U q H b B f a T M D L p {x-in}i {X-Kept}o {REMOTE_ADDR}e {none}i"
    form = "|".join(f"{atom}=%({atom})s" for atom in names.split())
    path = tmp_path / "access"
    server = serve("site_app", *args, "--access-logfile", str(path), "--access-logformat", form)
    with server.client() as client:
        basic = "Authorization: Basic dXNlcjpzZWNyZXQ="
        client.get("/status?code=299", basic, "X-In: inside", "User-Agent: a", "Referer: b")
        client.response()
    (line,) = lines_of(server, path)
    seen = dict(part.split("=", 1) for part in line.split("|"))
    took = {name: seen.pop(name) for name in "TMDL"}
    assert seen == {
        "h": "127.0.0.1",
        "l": "-",
        "u": "user",
        "r": f"GET /status?code=299 {transport.PROTOCOL}",
        "s": "299",
        "m": "GET",
        "U": "/status",
        "q": "code=299",
        "H": transport.PROTOCOL,
        "b": "6",
        "B": "6",
        "f": "b",
        "a": "a",
        "p": f"<{server.worker_pid()}>",
        "{x-in}i": "inside",
        "{X-Kept}o": "yes",
        "{REMOTE_ADDR}e": "127.0.0.1",
        "{none}i": "-",
    }
    assert all(re.fullmatch(r"\d+", took[name]) for name in "TMD")
    assert re.fullmatch(r"\d+\.\d{6}", took["L"])


def test_on_standard_output(args: tuple[str, ...], serve: Serve) -> None:
    server = serve("site_app", *args, "--access-logfile", "-")
    server.get("/")
    server.output.wait_for(r'"GET / HTTP/1\.1" 200 5')


def test_a_client_cannot_forge_a_line(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "access"
    server = serve("site_app", *args, "--access-logfile", str(path))
    with server.client() as client:
        client.get('/"quoted"', 'User-Agent: a" 200 5 "forged')
        client.response()
    (line,) = lines_of(server, path)
    assert line.endswith(r'"a\" 200 5 \"forged"')


def test_a_client_that_leaves_in_the_middle(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """Has its line, with what was given of the body, and one that comes afterwards has its own."""
    server = serve("site_app", *args, "--access-logfile", str(tmp_path / "access"))
    with server.client() as client:
        client.get("/endless?name=flood")
        client.some()
    server.log.wait_for("closed flood")
    assert server.get("/") == (200, b"hello")
    left, after = lines_of(server, tmp_path / "access")
    asked = f'"GET /endless?name=flood {transport.PROTOCOL}" 200 '
    assert int(left.partition(asked)[2].split()[0]) >= 65536
    assert " 200 5 " in after


def test_no_line_without_an_access_log(site: Server) -> None:
    site.get("/")
    assert site.output.all() == []


def test_usr1_reopens_the_file(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    """What logrotate does: move the file away, then ask for a new one."""
    path = tmp_path / "access"
    server = serve("site_app", *args, "--access-logfile", str(path))
    server.get("/first")
    path.rename(tmp_path / "moved")
    server.send(signal.SIGUSR1)
    # Until the worker has taken notice, its lines go to the old file.
    while not path.exists() or not path.read_text(encoding="ascii"):
        server.get("/nudge")
    server.get("/second")
    server.stop()
    assert "/first" in (tmp_path / "moved").read_text(encoding="ascii")
    assert "/second" in path.read_text(encoding="ascii")


def test_lines_of_a_worker_that_was_killed_are_written(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """Lines wait some milliseconds for each other, but an answered request has its line."""
    path = tmp_path / "access"
    server = serve("site_app", *args, "--access-logfile", str(path))
    for number in range(1, 11):
        worker = server.worker_pid(number)
        assert server.get(f"/answered-{number}")[0] == 200
        os.kill(worker, signal.SIGKILL)
    server.worker_pid(11)
    server.stop()
    lines = path.read_text(encoding="ascii").splitlines()
    targets = [line.split()[6] for line in lines if "answered" in line]
    assert targets == [f"/answered-{number}" for number in range(1, 11)]


def test_the_time_of_the_request_is_that_of_the_application(
    args: tuple[str, ...], serve: Serve, tmp_path: Path, fifo: str
) -> None:
    """%(b)s counts the body as sent; a streamed answer is logged when it is complete."""
    path = tmp_path / "access"
    server = serve("site_app", *args, "--access-logfile", str(path))
    with server.client() as client:
        client.get(f"/gate?fifo={fifo}")
        client.some()
        server.log.wait_for("app: waits at the gate")
        assert path.read_text(encoding="ascii") == ""
        open_gate(fifo)
        client.some()
    (line,) = lines_of(server, path)
    assert '" 200 11 "' in line


#: What an application makes of the environ, one request after the other; None: the key goes.
CHANGES: list[dict[str, object]] = [
    *({}, {}, {}),
    {"REMOTE_ADDR": "10.9.8.7"},
    *({}, {}),
    {"HTTP_REFERER": "http://from.middleware/"},
    {"PATH_INFO": "/elsewhere", "RAW_URI": "/else where"},
    {"REQUEST_METHOD": "PUT", "SERVER_PROTOCOL": "HTTP/9.9"},
    {},
    {"QUERY_STRING": 5, "HTTP_USER_AGENT": 'a "quoted" one'},
    {"QUERY_STRING": 6, "HTTP_USER_AGENT": "\u20ac"},
    {"HTTP_USER_AGENT": None, "HTTP_HOST": None, "wsgi.version": None, "REMOTE_ADDR": None},
    {},
    {f"more {number}": "" for number in range(100)},
    {"REMOTE_ADDR": ""},
    {"turned round": True},
    {"HTTP_REFERER": "", "HTTP_AUTHORIZATION": "Basic dXNlcjpzZWNyZXQ="},
    *({}, {}),
]
CHANGING = f"""
changes = iter({CHANGES!r})

def app(environ, start_response):
    change = next(changes)
    for key, value in change.items():
        if value is None:
            del environ[key]
        else:
            environ[key] = value
    if "turned round" in change:
        entries = list(environ.items())
        environ.clear()
        environ.update(reversed(entries))
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


def test_lines_say_what_the_application_has_made_of_the_environ(
    args: tuple[str, ...], serve: Serve, tmp_path: Path
) -> None:
    """Also where the same head comes again and again, whose lines are mostly the same."""
    (tmp_path / "changing.py").write_text(CHANGING, encoding="utf-8")
    path = tmp_path / "access"
    form = "%(h)s|%(u)s|%(r)s|%(U)s|%(q)s|%(f)s|%(a)s|%({x-in}i)s"
    logged = ("--access-logfile", str(path), "--access-logformat", form)
    server = serve("changing:app", *args, *logged, cwd=tmp_path)
    with server.client() as client:
        for number in range(len(CHANGES)):
            client.get("/path?q", "User-Agent: agent", f"X-In: {number // 8}")
            client.response()
    server.stop()
    given = {
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/path?q",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "PATH_INFO": "/path",
        "QUERY_STRING": "q",
        "HTTP_USER_AGENT": "agent",
    }
    expected = []
    for number, change in enumerate(CHANGES):
        values = {k: str(v) for k, v in {**given, **change}.items() if v is not None}
        request = "{REQUEST_METHOD} {RAW_URI} {SERVER_PROTOCOL}".format_map(values)
        user = "user" if "HTTP_AUTHORIZATION" in values else "-"
        keys = ("PATH_INFO", "QUERY_STRING", "HTTP_REFERER", "HTTP_USER_AGENT")
        rest = [values.get(key, "-").replace('"', '\\"') for key in keys]
        address = values.get("REMOTE_ADDR") or "-"
        expected.append("|".join([address, user, request, *rest, str(number // 8)]))
    assert path.read_text(encoding="utf-8").splitlines() == expected


def test_a_format_without_the_environ(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "access"
    logged = ("--access-logfile", str(path), "--access-logformat", "%(s)s: %(b)s bytes")
    server = serve("site_app", *args, *logged)
    with server.client() as client:
        for _ in range(4):
            client.get("/")
            client.response()
    assert lines_of(server, path) == ["200: 5 bytes"] * 4


MEETING = """
import threading

both = threading.Barrier(2)

class Meeting:
    def __str__(self):
        both.wait(60)
        return "met"

def app(environ, start_response):
    environ["HTTP_REFERER"] = Meeting()
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


def test_values_that_run_code_of_their_own_do_so_at_the_same_time(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "meeting.py").write_text(MEETING, encoding="ascii")
    path = tmp_path / "access"
    logged = ("--access-logfile", str(path), "--access-logformat", "%(t)s %(f)s")
    server = serve("meeting:app", "-k", "gthread", "--threads", "2", *logged, cwd=tmp_path)
    with server.client() as one, server.client() as other:
        for client in (one, other):
            client.get("/")
        assert [client.response().status for client in (one, other)] == [200, 200]
    assert [line.rpartition(" ")[2] for line in lines_of(server, path)] == ["met", "met"]


INCOMPARABLE = """
class Odd:
    def __hash__(self):
        return hash("HTTP_REFERER")
    def __eq__(self, other):
        raise ArithmeticError("not to be compared")

def app(environ, start_response):
    if environ["QUERY_STRING"]:
        environ[Odd()] = ""
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


def test_a_key_that_cannot_be_compared(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(INCOMPARABLE, encoding="ascii")
    path = tmp_path / "access"
    server = serve("odd:app", *args, "--access-logfile", str(path), cwd=tmp_path, tracebacks=True)
    for target in ("/", "/?odd", "/"):
        assert server.get(target)[0] == 200
    server.log.wait_for("ArithmeticError: not to be compared")
    first, second, third = lines_of(server, path)
    assert [line.split('"')[3] for line in (first, second, third)] == ["-", "-", "-"]


RAISING = """
from gunicorn.glogging import Logger

class logger_class(Logger):
    def access(self, resp, req, environ, request_time):
        raise KeyError(f"no line for {req.seen}")

def pre_request(worker, req):
    req.seen = req.uri
"""


def test_one_that_raises(args: tuple[str, ...], serve: Serve, tmp_path: Path) -> None:
    """The client has its answer, the error log the error, and the worker goes on."""
    (tmp_path / "c.py").write_text(RAISING, encoding="ascii")
    server = serve("faulty_app", *args, "-c", str(tmp_path / "c.py"), tracebacks=True)
    for path, status in (("/head/no-number", 500), ("/fine", 200), ("/head/no-number", 500)):
        assert server.get(path)[0] == status
        server.log.wait_for(f"Error after the response to GET {path}$")
        server.log.wait_for(f"KeyError: 'no line for {path}'")
    server.stop()
    assert len(server.log.matching("Booting worker")) == 1
