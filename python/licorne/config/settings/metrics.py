"""Metrics and health checks, which the master serves itself."""

from __future__ import annotations

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
