"""WebSockets on application threads: what one client says, all clients of the worker are told.

licorne -k gthread --threads 100 examples.websocket_app

The package simple-websocket finds the client's socket in the environ. A conversation keeps its
thread until it ends: have as many threads as conversations. For those of several workers, messages
must pass through something that they share, such as Redis.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from simple_websocket import ConnectionClosed, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = b"""<!doctype html>
<title>chat</title>
<form onsubmit="talk.send(said.value); said.value = ''; return false"><input id="said"></form>
<pre id="heard"></pre>
<script>
const said = document.getElementById("said"), heard = document.getElementById("heard");
const talk = new WebSocket(`ws://${location.host}/talk`);
talk.onmessage = (message) => heard.append(message.data + "\\n");
</script>
"""


class Room:
    """The clients that talk to each other."""

    def __init__(self) -> None:
        self._clients: set[Server] = set()
        self._lock = threading.Lock()

    def join(self, client: Server) -> None:
        """Stay until the client leaves, and tell all of them what it says."""
        with self._lock:
            self._clients.add(client)
        try:
            while True:
                self._tell(client.receive())
        except ConnectionClosed:
            with self._lock:
                self._clients.discard(client)

    def _tell(self, message: str | bytes) -> None:
        with self._lock:
            clients = list(self._clients)
        for each in clients:
            try:
                each.send(message)
            except (ConnectionClosed, OSError):
                # It has left; its own thread is about to notice.
                continue


room = Room()


def application(
    environ: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Let a client of /talk join; show a page to any other."""
    if environ["PATH_INFO"] == "/talk" and "HTTP_UPGRADE" in environ:
        room.join(Server(environ, ping_interval=25))
        # The conversation was the answer.
        return []
    head = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]
    start_response("200 OK", head)
    return [PAGE]
