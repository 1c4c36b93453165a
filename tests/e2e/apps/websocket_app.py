"""WSGI applications that accept WebSocket handshakes, by path."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from licorne.errors import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from licorne._engine import WebSocket

log = logging.getLogger("gunicorn.error")


def echo(ws: WebSocket) -> None:
    """Each message comes back."""
    ws.accept()
    for message in ws:
        ws.send(message)
    log.info("the end of echo: closed=%s", ws.closed)


def choose(ws: WebSocket) -> None:
    """The second subprotocol, and a field of the response."""
    ws.accept(ws.subprotocols[1], [("X-Chosen", "second")])
    ws.send(",".join(ws.subprotocols))


def told(ws: WebSocket) -> None:
    """Says how it has ended."""
    ws.accept()
    try:
        ws.receive()
    except ConnectionClosed as error:
        log.info("closed with %s %r, %s", error.code, error.reason, error)
    try:
        ws.send("too late")
    except ConnectionClosed as error:
        log.info("send: %s", error.code)


def late(ws: WebSocket) -> None:
    """Takes its time before it accepts, and does not look whether its client is still there."""
    log.info("late: waits")
    time.sleep(0.1)
    try:
        ws.accept()
        ws.receive()
    finally:
        log.info("late: closed=%s", ws.closed)


def closes(ws: WebSocket) -> None:
    """Ends by itself, and waits for the answer."""
    ws.accept()
    ws.close(4000, "that was it")
    try:
        ws.receive()
    except ConnectionClosed as error:
        log.info("answered with %s", error.code)


def wrong(ws: WebSocket) -> None:
    """What an application can do wrong."""
    for attempt in (
        ws.receive,
        lambda: ws.accept("not offered"),
        lambda: ws.accept(headers=[("X-Split", "a\r\nb")]),
    ):
        _tell_error(attempt)
    ws.accept()
    for attempt in (
        ws.accept,
        lambda: ws.close(1005),
        lambda: ws.close(1000, "x" * 124),
        lambda: ws.send(3),
    ):
        _tell_error(attempt)
    ws.send(bytearray(b"well"))


def _tell_error(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except (RuntimeError, TypeError, ValueError) as error:
        log.info("%s: %s", type(error).__name__, error)


def fails(ws: WebSocket) -> None:
    """An error after the handshake."""
    ws.accept()
    ws.receive()
    raise RuntimeError("on purpose")


def large(ws: WebSocket) -> None:
    """More than a slow client takes at once."""
    ws.accept()
    for number in range(64):
        ws.send(bytes([number]) * 100_000)


def busy(ws: WebSocket) -> None:
    """Computes for some time with the interpreter lock, and without asking for messages."""
    ws.accept()
    ws.send("busy")
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        pass
    ws.send(ws.receive())


ROUTES: dict[str, Callable[[WebSocket], None]] = {
    "/" + each.__name__: each
    for each in (echo, choose, told, late, closes, wrong, fails, large, busy)
}


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Denies what it has no route for."""
    ws = environ.get("licorne.websocket")
    route = ROUTES.get(environ["PATH_INFO"])
    if ws is not None and route is not None:
        route(ws)
        return []
    body = b"no handshake" if ws is None else b"not here"
    start_response(
        "200 OK" if ws is None else "404 Not Found", [("Content-Length", str(len(body)))]
    )
    return [body]
