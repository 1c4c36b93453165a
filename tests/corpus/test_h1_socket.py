"""The corpus through a socket: the same files that the protocol itself is tested with.

One server per policy serves all cases of that policy, each on a connection of its own, once sent at
once and once byte by byte. What reaches the application is compared, and what does not reach it is
answered with the table's status and the end of the connection.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import unquote_to_bytes

import pytest

from corpus.cases import Case, Expected, load
from e2e.client import Client, Response
from e2e.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
#: Longer inputs are sent at once only.
DRIBBLED = 400
CASES = load()
POLICIES = list(dict.fromkeys(case.args for case in CASES))


class Echo(TypedDict):
    """What `echo_app` tells."""

    method: str
    target: str
    path: str
    query: str
    version: str
    scheme: str
    client: str
    port: str | None
    fields: dict[str, str]
    body: str


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 250


@pytest.mark.parametrize("args", POLICIES, ids=lambda args: " ".join(args) or "defaults")
def test_policy(args: tuple[str, ...]) -> None:
    """Every case of a policy, whole and byte by byte."""
    run_all(("-k", "sync", *args), (case for case in CASES if case.args == args))


def test_threads() -> None:
    """The cases without a policy once more, where any of several threads may answer."""
    run_all(("-k", "gthread", "--threads", "4"), (case for case in CASES if not case.args))


@pytest.mark.parametrize("args", POLICIES, ids=lambda args: " ".join(args) or "defaults")
def test_a_worker_with_the_parser_of_gunicorn(args: tuple[str, ...]) -> None:
    """`gunicorn.http`, in a worker with its own sockets, sees and refuses the same.

    A client that ends the connection inside a request gets no answer there, as with gunicorn.
    """
    worker = ("-k", "parser_worker.ParserWorker")
    ends = {"IncompleteHead", "IncompleteBody"}
    cases = (case for case in CASES if case.args == args and case.reject not in ends)
    run_all((*worker, *args), cases)


def run_all(args: tuple[str, ...], cases: Iterable[Case]) -> None:
    """Run cases against one server; all failures are told together."""
    server = Server("echo_app:app", *args, cwd=HERE)
    try:
        port = server.port
        runs = [(case, pieces) for case in cases for pieces in pieces_of(case.input)]
        failures = [failure for case, pieces in runs if (failure := try_run(case, port, pieces))]
    finally:
        server.finish()
    assert not failures, f"{len(failures)} failures:\n" + "\n".join(failures)


def try_run(case: Case, port: int, pieces: list[bytes]) -> str | None:
    """What went wrong with a case, if anything did."""
    try:
        run(case, port, pieces)
    except (AssertionError, OSError) as failure:
        return f"{case.file}: {case.name} ({len(pieces)} pieces): {failure!r}"
    return None


def pieces_of(data: bytes) -> list[list[bytes]]:
    """The ways to send some bytes."""
    if len(data) > DRIBBLED:
        return [[data]]
    return [[data], [data[at : at + 1] for at in range(len(data))]]


def run(case: Case, port: int, pieces: list[bytes]) -> None:
    """One case on one connection."""
    with Client.tcp(port) as client:
        send(client, pieces)
        if case.eof:
            end(client)
        for expected in case.requests:
            if expected.complete:
                check(expected, response(client, expected.method))
        if case.status is not None:
            refusal = response(client, "GET")
            assert refusal.status == case.status, refusal
            assert refusal.get("Connection") == "close", refusal
            assert b"<html>" in refusal.body, refusal
        if case.closes:
            assert client.is_closed(), "the connection stays open"
        else:
            # Nothing more is answered, unless with a refusal of what was begun.
            end(client)
            rest = client.everything()
            assert not rest or rest.startswith(b"HTTP/1.1 4"), rest


def send(client: Client, pieces: list[bytes]) -> None:
    """Send everything, or as much as a server takes that has refused the rest already."""
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces:
            client.send(piece)
    except (BrokenPipeError, ConnectionResetError):
        return


def end(client: Client) -> None:
    """Send no more; the server may have been first to end the connection."""
    try:
        client.end()
    except OSError:
        return


def response(client: Client, method: str) -> Response:
    """The next final response."""
    while True:
        answer = client.response(method)
        if answer.status != 100:
            return answer


def check(expected: Expected, answer: Response) -> None:
    """Compare what the application saw."""
    assert answer.status == 200, answer
    if expected.keep_alive is not None:
        assert answer.keeps_alive is expected.keep_alive, answer.fields
    if expected.method == "HEAD":
        return
    seen: Echo = json.loads(answer.body)
    assert (seen["method"], seen["target"]) == (expected.method, expected.target), seen
    if expected.path is not None:
        assert seen["path"] == unquote_to_bytes(expected.path).decode("latin-1"), seen
    if expected.query is not None:
        assert seen["query"] == expected.query, seen
    if expected.version is not None:
        assert seen["version"] == expected.version, seen
    check_origin(expected, seen)
    if expected.headers is not None:
        assert seen["fields"] == cgi(expected.headers, len(seen["body"])), seen
    if expected.body is not None:
        assert seen["body"] == expected.body, seen
    if expected.body_length is not None:
        assert len(seen["body"]) == expected.body_length


def check_origin(expected: Expected, seen: Echo) -> None:
    """Compare what is known of the way the request came."""
    if expected.https is not None:
        assert seen["scheme"] == ("https" if expected.https else "http"), seen
    if expected.client is not None:
        assert origin(expected.client, seen), seen
    if expected.host is not None:
        assert seen["fields"]["HTTP_HOST"] == expected.host, seen


def origin(client: str, seen: Echo) -> bool:
    """Whether the application saw this client: the peer, an address, or `address:port`."""
    if not client:
        return seen["client"] == "127.0.0.1" and seen["port"] is not None
    written = f"[{seen['client']}]" if ":" in seen["client"] else seen["client"]
    return client == (seen["client"] if seen["port"] is None else f"{written}:{seen['port']}")


def cgi(headers: Iterable[tuple[str, str]], decoded: int) -> dict[str, str]:
    """Header lines as CGI variables (RFC 3875, section 4.1.18); repeated ones are joined.

    The length of the decoded body takes the place of Transfer-Encoding (RFC 9112, section 7.1.3).
    """
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        if key == "HTTP_TRANSFER_ENCODING":
            key, value = "CONTENT_LENGTH", str(decoded)  # noqa: PLW2901 - what it becomes
        fields.setdefault(key, []).append(value)
    joined = {key: ",".join(values) for key, values in fields.items()}
    if "HTTP_COOKIE" in joined:
        joined["HTTP_COOKIE"] = "; ".join(fields["HTTP_COOKIE"])
    # A proxy named by a client is none.
    joined.pop("HTTP_PROXY", None)
    return joined
