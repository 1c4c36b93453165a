"""A scraper: asks a real server for its metrics and reads them with Prometheus' own parser."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from e2e.client import Client
from patience import PATIENCE

if TYPE_CHECKING:
    from e2e.client import Response
    from e2e.server import Server

AT = re.compile(r"Metrics at: (?:http://127\.0\.0\.1:(\d+)|unix:(\S+))")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
#: What has a server tell of itself at an address of its own.
METRICS = ("--metrics-bind", "127.0.0.1:0", "--no-control-socket")
#: The figures of requests that wait, and of those whose clients have left.
WAITING, ABANDONED = "licorne_waiting_requests", "licorne_abandoned_requests_total"


def client(server: Server, number: int = 1) -> Client:
    """A connection to where the `number`-th line of the log says that metrics are."""
    port, path = server.log.wait_for(AT, number).groups()
    # Metrics are never encrypted, whatever the site is.
    connection = socket.socket(socket.AF_INET if port else socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", int(port)) if port else path)
    return Client(connection)


def ask(server: Server, path: str, *fields: str, method: str = "GET", number: int = 1) -> Response:
    """The answer to one request; its connection is closed by the server."""
    with client(server, number) as one:
        one.request(method, path, *fields)
        answer = one.response(method)
        assert not answer.keeps_alive
        assert one.is_closed()
    return answer


class Page:
    """The samples of one scrape."""

    def __init__(self, server: Server, number: int = 1) -> None:
        answer = ask(server, "/metrics", f"Accept: {OPENMETRICS}", number=number)
        assert answer.status == 200
        self.text = answer.body.decode()
        self._samples = [
            (sample.name, dict(sample.labels), float(sample.value))
            for family in text_string_to_metric_families(self.text)  # type: ignore[no-untyped-call]
            for sample in family.samples
        ]

    def sum(self, name: str, **labels: str) -> float:
        """All samples of a name with these labels, together."""
        return sum(
            value
            for found, own, value in self._samples
            if found == name and labels.items() <= own.items()
        )

    def labels(self, name: str, label: str) -> set[str]:
        """The values of a label."""
        return {own[label] for found, own, _ in self._samples if found == name and label in own}

    def counters(self) -> dict[str, float]:
        """Everything that must never go back, by name and labels."""
        return {
            f"{name}{sorted(own.items())}": value
            for name, own, value in self._samples
            if name.endswith(("_total", "_bucket", "_count")) and "worker" not in own
        }
