"""Metrics and health checks, which the master serves itself, and traces, which workers send."""

from __future__ import annotations

from licorne.config import collector, convert
from licorne.config.option import Section, option


class Metrics(Section):
    """Metrics"""

    metrics_bind: str = option(
        "--metrics-bind",
        default="",
        metavar="ADDRESS",
        reload="rebind",
        doc="""Serve metrics and health checks here; empty for nowhere.

        `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH` or `unix:@NAME` (abstract); the default port is
        9464. `/metrics` is one OpenMetrics page for all workers, `/livez` and `/readyz` say
        whether the server lives and serves. The master answers, whatever the workers do. Every
        client that reaches the address may read it: give one that only your monitoring reaches.
        """,
    )
    otlp: str = option(
        "--otlp",
        default="",
        convert=collector.endpoint,
        metavar="ENDPOINT",
        doc="""Send spans of each request to the OpenTelemetry collector here; empty for nowhere.

        `http://HOST:PORT` or `https://HOST:PORT` (OTLP over HTTP, as JSON; `/v1/traces` is added to
        the path); the default port is 4318. A request has a span, and in it one for its time in the
        queue and one for its time in the application. Its `traceparent` is obeyed (W3C Trace
        Context), and replaced by one with the span of the application. The standard variables
        `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS` are obeyed.
        """,
    )
    otlp_sample: float = option(
        "--otlp-sample",
        default=1.0,
        convert=convert.share,
        metavar="SHARE",
        doc="""Send spans of this share of the requests that come without a `traceparent`.

        Between 0 and 1. For the others their callers decide.
        """,
    )
