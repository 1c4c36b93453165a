"""A collector of traces on loopback: what it is sent is read by OpenTelemetry's own messages."""

from __future__ import annotations

import base64
import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from patience import PATIENCE

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

#: OTLP/JSON has these in hexadecimal, protobuf's own JSON in base64.
IDS = {"traceId", "spanId", "parentSpanId"}


def value_of(value: AnyValue) -> str | int:
    """The text or number of an attribute."""
    return value.string_value if value.WhichOneof("value") == "string_value" else value.int_value


class Collector:
    """Answers 200, or what `answers` has; `received` are the messages that it took."""

    def __init__(self) -> None:
        #: Statuses of the next answers.
        self.answers: list[int] = []
        #: While it is not set, no message is answered.
        self.open = threading.Event()
        self.open.set()
        self.messages: queue.Queue[trace_service_pb2.ExportTraceServiceRequest] = queue.Queue()
        self.asked: queue.Queue[dict[str, str]] = queue.Queue()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                assert self.headers["Content-Type"] == "application/json"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked.put(dict(self.headers))
                collector.open.wait(PATIENCE)
                status = collector.answers.pop(0) if collector.answers else 200
                if status == 200:
                    collector.messages.put(decoded(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.resource: dict[str, str | int] = {}

    @property
    def endpoint(self) -> str:
        """What `--otlp` is given."""
        return f"127.0.0.1:{self._server.server_port}"

    def spans(self, count: int) -> list[Span]:
        """So many spans, in the order in which they come."""
        found: list[Span] = []
        while len(found) < count:
            message = self.messages.get(timeout=PATIENCE)
            for of_resource in message.resource_spans:
                said = of_resource.resource.attributes
                self.resource = {each.key: value_of(each.value) for each in said}
                for scoped in of_resource.scope_spans:
                    assert scoped.scope.name == "licorne"
                    found += scoped.spans
        return found

    def close(self) -> None:
        """Listen no more."""
        self.open.set()
        self._server.shutdown()
        self._thread.join(PATIENCE)
        self._server.server_close()


def decoded(body: bytes) -> trace_service_pb2.ExportTraceServiceRequest:
    """A message; fields that OTLP does not have are an error."""

    def ids(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return {
            name: base64.b64encode(bytes.fromhex(cast("str", value))).decode()
            if name in IDS
            else value
            for name, value in pairs
        }

    message = trace_service_pb2.ExportTraceServiceRequest()
    json_format.ParseDict(json.loads(body, object_pairs_hook=ids), message)
    return message
