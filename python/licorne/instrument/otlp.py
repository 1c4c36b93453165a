"""Requests as spans in OTLP/JSON, by OpenTelemetry's names.

The form is https://opentelemetry.io/docs/specs/otlp/ (JSON Protobuf Encoding: ids are hexadecimal,
64-bit numbers are texts, enumerations numbers); the attributes are those of the semantic
conventions for HTTP servers, https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
"""

from __future__ import annotations

import os
import secrets
from urllib.parse import unquote

from licorne import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from licorne._engine import RecordedRequest

    Attribute = dict[str, object]
    Span = dict[str, object]

#: Kinds of spans, and the status of one that failed.
INTERNAL, SERVER = 1, 2
ERROR = 2
#: Flags of a span: its trace is recorded; whether its parent is in another process is known, and so
#: it is.
RECORDED, HAS_IS_REMOTE, IS_REMOTE = 0x1, 0x100, 0x200
#: Methods that have a name of their own (RFC 9110, RFC 5789, and QUERY).
METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
#: Parameters of a query whose values are secrets (semantic conventions, `url.query`).
SECRETS = frozenset({"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"})


def payload(resource: Iterable[Attribute], requests: Iterable[RecordedRequest]) -> Span:
    """An ExportTraceServiceRequest."""
    spans = [span for request in requests for span in spans_of(request)]
    scope = {"name": "licorne", "version": __version__}
    scoped = [{"scope": scope, "spans": spans}]
    return {"resourceSpans": [{"resource": {"attributes": list(resource)}, "scopeSpans": scoped}]}


def spans_of(request: RecordedRequest) -> list[Span]:
    """The span of a request, that of its wait and, if it was begun, that of the application."""
    arrived, begun, ended = request.moments_ns
    whole, application = request.span_ids
    known = request.method in METHODS
    place = _place(request, whole, request.parent_id, remote=True)
    server = place | {
        "name": request.method if known else "HTTP",
        "kind": SERVER,
        **_times(arrived, ended),
        "attributes": _attributes(request),
    }
    if request.status >= 500:
        server["status"] = {"code": ERROR}
    waited = _place(request, secrets.token_hex(8), whole, remote=False) | {
        "name": "queue",
        "kind": INTERNAL,
        **_times(arrived, ended if begun is None else begun),
    }
    if begun is None:
        return [server, waited]
    ran = _place(request, application, whole, remote=False) | {
        "name": "application",
        "kind": INTERNAL,
        **_times(begun, ended),
    }
    return [server, waited, ran]


def _place(request: RecordedRequest, span: str, parent: str | None, *, remote: bool) -> Span:
    place: Span = {"traceId": request.trace_id, "spanId": span, "flags": RECORDED}
    if parent is not None:
        place["parentSpanId"] = parent
        place["flags"] = RECORDED | HAS_IS_REMOTE | (IS_REMOTE if remote else 0)
    if request.trace_state:
        place["traceState"] = request.trace_state
    return place


def _times(start: int, end: int) -> Span:
    return {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}


def _attributes(request: RecordedRequest) -> list[Attribute]:
    method = request.method
    known = method in METHODS
    name, port = _name_and_port(request.host)
    peer, peer_port = request.peer or (None, None)
    version = request.protocol.rpartition("/")[2]
    said: dict[str, str | int | None] = {
        "http.request.method": method if known else "_OTHER",
        "http.request.method_original": None if known else method,
        "url.scheme": request.scheme,
        "url.path": request.path,
        "url.query": _without_secrets(request.query) or None,
        "server.address": name or None,
        "server.port": port,
        "client.address": request.client,
        "network.peer.address": peer,
        "network.peer.port": peer_port,
        "network.protocol.version": version.removesuffix(".0") if version != "1.0" else version,
        "user_agent.original": request.user_agent or None,
        "http.response.status_code": request.status or None,
        "http.response.body.size": request.sent,
        "error.type": str(request.status) if request.status >= 500 else None,
    }
    return attributes(said)


def attributes(said: Mapping[str, str | int | None]) -> list[Attribute]:
    """Key and value of each that is known."""
    return [
        {"key": key, "value": _value(value)} for key, value in said.items() if value is not None
    ]


def _value(value: str | int) -> dict[str, str]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _name_and_port(host: str) -> tuple[str, int | None]:
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and (not name.count(":") or name.endswith("]")):
        return name.strip("[]"), int(port)
    return host.strip("[]"), None


def _without_secrets(query: str) -> str:
    if not any(name in query for name in SECRETS):
        return query
    pairs = [pair.partition("=") for pair in query.split("&")]
    return "&".join(
        name + equals + ("REDACTED" if name in SECRETS and equals else value)
        for name, equals, value in pairs
    )


def resource(service: str) -> list[Attribute]:
    """What the spans of this process have in common; the standard variables have the last word."""
    said: dict[str, str | int | None] = {
        "service.name": service,
        "service.instance.id": secrets.token_hex(16),
        "process.pid": os.getpid(),
        "process.runtime.name": "cpython",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "licorne",
        "telemetry.sdk.version": __version__,
    }
    said |= pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    name = os.environ.get("OTEL_SERVICE_NAME", "")
    return attributes(said | ({"service.name": name} if name else {}))


def headers() -> dict[str, str]:
    """The fields that the standard variables add to each message, such as a key."""
    name = "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
    return pairs(os.environ.get(name) or os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""))


def pairs(text: str) -> dict[str, str]:
    """`key=value,key=value`, the values percent-encoded (the form of W3C Baggage)."""
    given = (each.partition("=") for each in text.split(","))
    return {key.strip(): unquote(value.strip()) for key, _, value in given if key.strip()}
