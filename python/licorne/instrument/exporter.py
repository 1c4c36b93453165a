"""Spans on their way to a collector: one thread in a worker takes them out of the engine's bounded
queue and sends them (OTLP over HTTP, https://opentelemetry.io/docs/specs/otlp/#otlphttp).

Nothing waits for it: while the collector does not answer the queue fills, and what has no room is
counted and dropped. At its end the worker gives it a bounded time.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from urllib.parse import urlsplit

from licorne.instrument import otlp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne._engine import RecordedRequest
    from licorne.config import Config
    from licorne.glogging import Logger

    Take = Callable[[int], tuple[list[RecordedRequest], int]]

#: Seconds between two messages, and the longest pause while the collector does not answer.
PERIOD = 1.0
LONGEST = 30.0
#: Requests in a message.
BATCH = 512
#: Seconds for an answer, and for all that is left when the worker ends.
PATIENCE = 10.0
LAST_MOMENT = 2.0
#: Answers after which a message is sent again (OTLP/HTTP Response, retryable).
AGAIN = frozenset({429, 502, 503, 504})


class Exporter:
    """Sends what a worker records."""

    def __init__(self, cfg: Config, log: Logger, take: Take) -> None:
        self._log = log
        self._take = take
        self._url = cfg.otlp
        self._parts = urlsplit(cfg.otlp)
        self._resource = otlp.resource(cfg.proc_name)
        self._headers = {"Content-Type": "application/json", **otlp.headers()}
        self._over = threading.Event()
        self._ends_at = 0.0
        self._pid = os.getpid()
        self._connection: http.client.HTTPConnection | None = None
        #: The message that is sent next, and its requests.
        self._message = b""
        self._requests = 0
        #: Requests whose spans are lost since the collector has last answered well.
        self._lost = 0
        self._told = False
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="licorne-otlp", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Send what is left, within this time at the most."""
        if os.getpid() != self._pid:
            # A process that the application has forked: the thread is not here.
            return
        self._ends_at = time.monotonic() + min(seconds, LAST_MOMENT)
        self._over.set()
        self._thread.join(max(0.0, self._ends_at - time.monotonic()))
        left, dropped = self._take(1 << 30)
        lost = self._lost + self._requests + len(left) + dropped
        if lost:
            self._log.warning("Spans of %d requests were not sent to %s", lost, self._url)

    def _run(self) -> None:
        while not self._over.wait(min(LONGEST, PERIOD * 2**self._failures)):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        """Send until nothing waits, or the collector does not answer."""
        while self._next_message() and self._send():
            self._message, self._requests = b"", 0
            if self._over.is_set() and time.monotonic() > self._ends_at:
                return

    def _next_message(self) -> bool:
        """Whether there is one: that which was not sent, or one of requests that wait."""
        if self._message:
            return True
        requests, dropped = self._take(BATCH)
        if dropped:
            self._lose(dropped, "too many wait to be sent (see otlp_sample)")
        if not requests:
            return False
        made = otlp.payload(self._resource, requests)
        self._message = json.dumps(made, separators=(",", ":")).encode()
        self._requests = len(requests)
        return True

    def _send(self) -> bool:
        """Send the message; False: it is to be sent again, later."""
        try:
            status, reason = self._post()
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._close()
            return self._failed(str(error) or type(error).__name__)
        if status in AGAIN:
            return self._failed(f"it answers {status} {reason}")
        self._failures = 0
        if status >= 300:
            # As it is, the message will never be taken.
            self._lose(self._requests, f"it answers {status} {reason}")
        elif self._told:
            said = "%s takes spans again; those of %d requests were lost"
            self._log.info(said, self._url, self._lost)
            self._lost, self._told = 0, False
        return True

    def _post(self) -> tuple[int, str]:
        patience = PATIENCE
        if self._over.is_set():
            patience = max(0.1, self._ends_at - time.monotonic())
        if self._connection is None:
            parts = self._parts
            kind = http.client.HTTPSConnection
            if parts.scheme == "http":
                kind = http.client.HTTPConnection  # type: ignore[assignment] # with the same arguments
            self._connection = kind(parts.hostname or "", parts.port, timeout=patience)
        self._connection.timeout = patience
        if self._connection.sock is not None:
            self._connection.sock.settimeout(patience)
        self._connection.request("POST", self._parts.path, self._message, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, answer.reason

    def _failed(self, why: str) -> bool:
        self._failures = min(self._failures + 1, 8)
        self._tell(why)
        return False

    def _lose(self, count: int, why: str) -> None:
        self._lost += count
        self._tell(why)

    def _tell(self, why: str) -> None:
        """Once, until spans are taken again."""
        if not self._told:
            said = "Cannot send spans to %s: %s. What has no room meanwhile is lost."
            self._log.warning(said, self._url, why)
        self._told = True

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
