"""`RequestParser` of the real gunicorn and of licorne: the same requests, the same refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TypedDict

import pytest

pytest.importorskip("gunicorn.config", reason="the real gunicorn is not installed")

#: Reads each input in pieces of 7 bytes, and tells what came of it.
PROGRAM = """
import json, sys
if sys.argv[1] == "licorne":
    import licorne.aliases
    licorne.aliases.install()
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import NoMoreData, ParseException

def told(data):
    cfg = Config()
    for name in sys.argv[2:]:
        cfg.set(name, True)
    pieces = [data[at : at + 7] for at in range(0, len(data), 7)]
    requests = []
    try:
        for req in RequestParser(cfg, pieces, ("127.0.0.1", 1)):
            requests.append([
                req.method, req.uri, req.path, req.query, req.fragment, list(req.version),
                [list(each) for each in req.headers], req.scheme, req.body.read().decode("latin-1"),
                req.should_close(), req.req_number,
            ])
    except (ParseException, NoMoreData) as error:
        return {"requests": requests, "error": type(error).__name__}
    return {"requests": requests, "error": None}

print(json.dumps([told(each.encode("latin-1")) for each in json.load(sys.stdin)]))
"""

PACKAGES = ("gunicorn", "licorne")
HOST = "Host: h\r\n"
POST = f"POST /p HTTP/1.1\r\n{HOST}"
CHUNKED = f"{POST}Transfer-Encoding: chunked\r\n\r\n"
NEXT = f"GET /next HTTP/1.1\r\n{HOST}\r\n"
#: Inputs of which both must say the same.
SAME = (
    "",
    f"GET / HTTP/1.1\r\n{HOST}\r\n{NEXT}",
    f"\r\nGET /a%20b?c=d&e HTTP/1.1\r\n{HOST}X-A: 1\r\nx-a:  2 \r\n\r\n{NEXT}",
    "GET / HTTP/1.0\r\n\r\n" + NEXT,
    f"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{NEXT}",
    f"GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n{NEXT}",
    f"GET http://h/abs?q HTTP/1.1\r\n{HOST}\r\n",
    f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n",
    f"{POST}Content-Length: 5\r\n\r\nhello{NEXT}",
    f"{POST}Content-Length: 0\r\n\r\n{NEXT}",
    f"{CHUNKED}5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n{NEXT}",
    f"{CHUNKED}0\r\nX-Trailer: 1\r\n\r\n{NEXT}",
    f"GET / HTTP/1.1\r\n{HOST}X-Forwarded-Proto: https\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}X_A: dropped\r\n\r\n",
    # Refusals, after a request or without one.
    f"{NEXT}GET / HTTP/9.9\r\n{HOST}\r\n",
    f"get / HTTP/1.1\r\n{HOST}\r\n",
    f"G / HTTP/1.1\r\n{HOST}\r\n",
    f"GET /\x80 HTTP/1.1\r\n{HOST}\r\n",
    f"GET /{'a' * 5000} HTTP/1.1\r\n{HOST}\r\n",
    "GET /\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}No colon\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}B@d: 1\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}Space : 1\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}X: a\r\n b\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}X: \x01\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n",
    f"GET / HTTP/1.1\r\n{HOST}" + "X: y\r\n" * 101 + "\r\n",
    f"GET / HTTP/1.1\r\n{HOST}X: {'y' * 9000}\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}Expect: magic\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HOST}X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n\r\n",
    f"{POST}Content-Length: x\r\n\r\n",
    f"{POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    f"{POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    f"{POST}Transfer-Encoding: magic\r\n\r\n",
    f"{POST}Transfer-Encoding: chunked, chunked\r\n\r\n",
    f"{POST}Transfer-Encoding: gzip\r\n\r\n",
    f"POST / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n",
    f"{CHUNKED}zz\r\n",
    f"{CHUNKED}3\r\nabcd\r\n",
    f"{CHUNKED}3;\x01\r\nabc\r\n0\r\n\r\n",
    f"{CHUNKED}0\r\nContent-Type: text/plain\r\nVary: *\r\n\r\n{NEXT}",
    f"{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    f"{CHUNKED}3\r\nab",
    "GET / HT",
    f"GET / HTTP/1.1\r\n{HOST}",
)


class Told(TypedDict):
    """What came of an input."""

    requests: list[list[object]]
    error: str | None


def told(package: str, inputs: tuple[str, ...], *switches: str) -> list[Told]:
    """What the parser of a package makes of these inputs, with these settings switched on."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, package, *switches],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Told] = json.loads(done.stdout)
    return answers


def test_the_same_requests_and_refusals() -> None:
    theirs, ours = told("gunicorn", SAME), told("licorne", SAME)
    assert {data: (a, b) for data, a, b in zip(SAME, theirs, ours, strict=True) if a != b} == {}
    assert sum(each["error"] is not None for each in theirs) > 25


def test_folded_values_are_the_same() -> None:
    folded = (
        "X: one\r\n two\r\n",
        "X: one \t\r\n \t two \r\nY: z\r\n",
        "X: a\r\n \r\n\tb\r\n",
        "X-SSL-CERT: -----BEGIN-----\r\n\tMIIB\r\n\tQUJD\r\n\t-----END-----\r\n",
    )
    inputs = tuple(f"GET / HTTP/1.1\r\n{HOST}{each}\r\n{NEXT}" for each in folded)
    theirs, ours = (told(each, inputs, "permit_obsolete_folding") for each in PACKAGES)
    assert ours == theirs
    assert all(len(each["requests"]) == 2 for each in ours)


def test_a_higher_minor_version_follows_the_rules_of_1_1() -> None:
    data = f"GET / HTTP/1.2\r\n{HOST}\r\n{NEXT}"
    (theirs,), (ours,) = (told(each, (data,)) for each in PACKAGES)
    assert (theirs["requests"][0][5], ours["requests"][0][5]) == ([1, 2], [1, 1])
    assert theirs["requests"][1] == ours["requests"][1]


def test_trailers_that_licorne_drops_and_gunicorn_refuses() -> None:
    trailers = ("Host: other", "Content-Length: 9", "Transfer-Encoding: gzip", "Authorization: x")
    inputs = tuple(f"{CHUNKED}0\r\n{each}\r\n\r\n{NEXT}" for each in trailers)
    theirs, ours = (told(each, inputs) for each in PACKAGES)
    assert all(each["error"] is not None for each in theirs)
    assert [(len(each["requests"]), each["error"]) for each in ours] == [(2, None)] * len(inputs)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("GET / HTTP/1.1\r\n\r\n", "InvalidHeader"),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", "InvalidHeader"),
        (f"CONNECT h:1 HTTP/1.1\r\n{HOST}\r\n", "MethodNotServed"),
        (
            f"{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "UnsupportedTransferCoding",
        ),
        (f"{POST}Content-Length: 5\r\n\r\nhel", "NoMoreData"),
    ],
    ids=["no Host", "two hosts in one", "CONNECT", "compressed", "a body that is cut short"],
)
def test_where_they_differ_on_purpose(data: str, error: str) -> None:
    (theirs,), (ours,) = told("gunicorn", (data,)), told("licorne", (data,))
    assert theirs["error"] is None
    assert ours == {"requests": [], "error": error}
