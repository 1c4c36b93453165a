"""prometheus_client in several processes: a counter, and a gauge of the processes that live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import config_site  # type: ignore[import-not-found]  # beside it when it is served
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compat.apps.config_site import Environ, StartResponse

REQUESTS = Counter("site_requests", "requests by path", ["path"])
ALIVE = Gauge("site_processes", "processes that live", multiprocess_mode="livesum")
ALIVE.set(1)


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The site, counted; and /metrics."""
    path = str(environ["PATH_INFO"])
    if path != "/metrics":
        REQUESTS.labels(path).inc()
        answer: Iterable[bytes] = config_site.app(environ, start_response)
        return answer
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = b"\n".join(sorted(generate_latest(registry).splitlines()))
    start_response("200 OK", [("Content-Length", str(len(body))), ("Content-Type", "text/plain")])
    return [body]
