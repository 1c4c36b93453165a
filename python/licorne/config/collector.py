"""Where a collector of traces is, as OTLP over HTTP names it.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/: an endpoint is the base of the
addresses, to which the path of the signal is added.
"""

from __future__ import annotations

from licorne.config import convert

#: Of OTLP over HTTP.
PORT = 4318
PATH = "/v1/traces"


def endpoint(value: object) -> str:
    """The URL that spans are sent to; nothing stays nothing. `HOST:PORT` is one without TLS."""
    given = convert.text(value).strip()
    if not given:
        return ""
    from urllib.parse import urlsplit  # noqa: PLC0415 - only where spans are sent

    parts = urlsplit(given if "://" in given else f"http://{given}")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("give http://HOST:PORT or https://HOST:PORT; gRPC is not spoken")
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("give http://HOST:PORT or https://HOST:PORT, with a path or without")
    # A ValueError of its own for what is no port.
    default = None if parts.scheme == "https" else PORT
    port = parts.port or default
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{netloc}{path if path.endswith(PATH) else path + PATH}"
