"""Long polling on greenlets: many clients wait for the next message, each with a request.

licorne -k gevent --worker-connections 10000 examples.long_polling

GET /messages?after=3    waits for a message after the third, for half a minute at most (then 204)
POST /messages           tells all that wait

A client that waits costs a greenlet. For clients of several workers, messages must pass through
something that they share, such as Redis.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from gevent.event import Event

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterable

    StartResponse = Callable[[str, list[tuple[str, str]]], object]

#: Seconds; less than what proxies bear between request and response.
PATIENCE = 30
MOST_BYTES = 10_000
#: Older ones are forgotten.
MOST_MESSAGES = 1000


class Board:
    """The messages, with numbers from 1 on."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._forgotten = 0
        self._more = Event()

    def tell(self, message: str) -> int:
        """Add a message, and wake the requests that wait for it; its number."""
        self._messages.append(message)
        excess = max(0, len(self._messages) - MOST_MESSAGES)
        del self._messages[:excess]
        self._forgotten += excess
        # Requests that come from now on wait for the next one.
        self._more.set()
        self._more = Event()
        return self._forgotten + len(self._messages)

    def after(self, number: int) -> tuple[int, list[str]]:
        """The messages after this one, once there are any, and the number of the last."""
        last = self._forgotten + len(self._messages)
        if number >= last:
            self._more.wait(PATIENCE)
            last = self._forgotten + len(self._messages)
        return last, self._messages[max(0, number - self._forgotten) :]


board = Board()


def application(environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    """Wait for messages, or tell one."""
    if environ["PATH_INFO"] != "/messages":
        return answer(start_response, "404 Not Found", {"error": "there is /messages only"})
    if environ["REQUEST_METHOD"] == "POST":
        body: io.BufferedIOBase = environ["wsgi.input"]  # type: ignore[assignment]
        text = body.read(MOST_BYTES).decode("utf-8", "replace")
        return answer(start_response, "201 Created", {"last": board.tell(text)})
    asked = parse_qs(str(environ["QUERY_STRING"])).get("after", ["0"])[0]
    if not (asked.isascii() and asked.isdigit()):
        return answer(start_response, "400 Bad Request", {"error": "after is not a number"})
    last, messages = board.after(int(asked))
    if not messages:
        start_response("204 No Content", [])
        return []
    return answer(start_response, "200 OK", {"last": last, "messages": messages})


def answer(start_response: StartResponse, status: str, value: dict[str, object]) -> list[bytes]:
    """A value as JSON."""
    body = json.dumps(value).encode() + b"\n"
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
