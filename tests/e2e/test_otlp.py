"""Spans of requests, as a collector receives them (`--otlp`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

from e2e.collector import Collector, value_of
from e2e.conftest import WORKERS
from e2e.server import open_gate
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from e2e.server import Serve, Server

KINDS = WORKERS | {"asgi": ("-k", "asgi")}
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"traceparent: 00-{TRACE}-{CALLER}-0"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector for one test."""
    made = Collector()
    yield made
    made.close()


def traced(
    serve: Serve, kind: str, collector: Collector, *args: str, **more: dict[str, str]
) -> Server:
    """A server that sends there."""
    app = "traced_app:asgi" if kind == "asgi" else "traced_app:application"
    return serve(app, *KINDS[kind], "--otlp", collector.endpoint, *args, **more)


def ask(server: Server, path: str, *fields: str) -> str:
    with server.client() as client:
        client.get(path, *fields)
        return client.response().body.decode()


def said(span: Span) -> dict[str, str | int]:
    return {each.key: value_of(each.value) for each in span.attributes}


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_three_spans(serve: Serve, kind: str, collector: Collector) -> None:
    """Its wait and its time in the application, in a span of the caller's trace.

    What is left when the worker ends is sent before.
    """
    server = traced(serve, kind, collector)
    seen = ask(server, "/a%20b?x=1&sig=secret", GIVEN + "1", "tracestate: a=1", "User-Agent: me/1")
    server.stop()
    assert not server.log.matching("were not sent")
    whole, queue, application = collector.spans(3)
    assert {each.trace_id.hex() for each in (whole, queue, application)} == {TRACE}
    assert {each.trace_state for each in (whole, queue, application)} == {"a=1"}
    assert (whole.name, whole.kind, whole.parent_span_id.hex()) == (
        "GET",
        whole.SPAN_KIND_SERVER,
        CALLER,
    )
    assert (queue.name, queue.parent_span_id) == ("queue", whole.span_id)
    assert (application.name, application.parent_span_id) == ("application", whole.span_id)
    assert len({each.span_id for each in (whole, queue, application)}) == 3
    # What the application records belongs to its own time.
    assert seen == f"00-{TRACE}-{application.span_id.hex()}-01"
    assert whole.start_time_unix_nano == queue.start_time_unix_nano
    assert queue.end_time_unix_nano == application.start_time_unix_nano
    assert application.end_time_unix_nano == whole.end_time_unix_nano
    assert queue.start_time_unix_nano <= queue.end_time_unix_nano < whole.end_time_unix_nano
    attributes = said(whole)
    assert attributes.pop("network.peer.port")
    assert attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/a%20b",
        "url.query": "x=1&sig=REDACTED",
        "server.address": "localhost",
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "me/1",
        "http.response.status_code": 200,
        "http.response.body.size": len(seen),
    }
    name = "asgi" if kind == "asgi" else "application"
    assert collector.resource["service.name"] == f"traced_app:{name}"


@pytest.mark.parametrize("kind", ["sync", "asgi"])
def test_whose_trace_it_is(serve: Serve, kind: str, collector: Collector) -> None:
    """A caller that does not record is obeyed, one that says nothing valid begins a trace here."""
    server = traced(serve, kind, collector)
    assert ask(server, "/", GIVEN + "0") == GIVEN.partition(" ")[2] + "0"
    wrong = f"traceparent: 00-{'0' * 32}-{CALLER}-01"
    place = ask(server, "/", wrong, "tracestate: a=1")
    whole, _queue, application = collector.spans(3)
    assert (whole.parent_span_id, whole.trace_state) == (b"", "")
    assert place == f"00-{whole.trace_id.hex()}-{application.span_id.hex()}-01"


@pytest.mark.parametrize("kind", ["gthread", "asgi"])
def test_a_share_of_the_traces(serve: Serve, kind: str, collector: Collector) -> None:
    """With none of its own the server still records what its callers do."""
    server = traced(serve, kind, collector, "--otlp-sample", "0")
    assert ask(server, "/") == "none"
    assert TRACE in ask(server, "/", GIVEN + "1")
    assert {each.trace_id.hex() for each in collector.spans(3)} == {TRACE}


@pytest.mark.parametrize("kind", ["sync", "asgi"])
def test_a_failure(serve: Serve, kind: str, collector: Collector) -> None:
    server = traced(serve, kind, collector)
    server.tolerates_tracebacks = True
    ask(server, "/fail")
    whole, *_rest = collector.spans(3)
    assert whole.status.code == whole.status.STATUS_CODE_ERROR
    attributes = said(whole)
    assert (attributes["http.response.status_code"], attributes["error.type"]) == (500, "500")


def test_a_method_of_no_standard(serve: Serve, collector: Collector) -> None:
    server = traced(serve, "sync", collector)
    with server.client() as client:
        client.send(b"BREW / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n")
        assert client.response().status == 200
    whole, *_rest = collector.spans(3)
    attributes = said(whole)
    assert whole.name == "HTTP"
    assert attributes["http.request.method"] == "_OTHER"
    assert attributes["http.request.method_original"] == "BREW"
    assert (attributes["server.address"], attributes["server.port"]) == ("::1", 81)


def test_a_request_that_was_not_begun(serve: Serve, collector: Collector, fifo: str) -> None:
    """It has no time in the application, and its wait is all there was."""
    args = ("--queue-timeout", "0.5", "--otlp", collector.endpoint)
    server = serve("queue_app", "-k", "sync", *args)
    with server.client() as first, server.client() as second:
        first.get(f"/thread?gate={fifo}")
        server.log.wait_for("app: begun /thread")
        second.get("/late", GIVEN + "1")
        assert second.response().status == 503
        open_gate(fifo)
        assert first.response().status == 200
        whole, queue = (s for s in collector.spans(5) if s.trace_id.hex() == TRACE)
    assert said(whole)["http.response.status_code"] == 503
    assert (queue.name, queue.end_time_unix_nano) == ("queue", whole.end_time_unix_nano)
    assert queue.end_time_unix_nano - queue.start_time_unix_nano >= 500_000_000


def test_a_websocket_connection(serve: Serve, collector: Collector) -> None:
    client = pytest.importorskip("websockets.sync.client")
    server = traced(serve, "asgi", collector)
    url = server.url.replace("http", "ws")
    field, _, value = (GIVEN + "1").partition(": ")
    with client.connect(
        url, additional_headers={field: value}, open_timeout=PATIENCE
    ) as connection:
        place = connection.recv()
    whole, _queue, application = collector.spans(3)
    assert said(whole)["http.response.status_code"] == 101
    assert place == f"00-{TRACE}-{application.span_id.hex()}-01".encode()


def test_the_standard_variables(serve: Serve, collector: Collector) -> None:
    environment = {
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=never,deployment.environment.name=a%20test",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%2Cb",
    }
    server = traced(serve, "sync", collector, environment=environment)
    ask(server, "/")
    collector.spans(3)
    assert collector.resource["service.name"] == "shop"
    assert collector.resource["deployment.environment.name"] == "a test"
    assert collector.asked.get()["api-key"] == "a,b"


@pytest.mark.parametrize("kind", ["gthread", "gevent", "asgi"])
def test_a_collector_that_is_away_and_comes_back(
    serve: Serve, kind: str, collector: Collector
) -> None:
    """It is told of once; what it has not taken is sent again."""
    collector.answers += [503, 503]
    server = traced(serve, kind, collector)
    ask(server, "/", GIVEN + "1")
    assert collector.spans(3)[0].trace_id.hex() == TRACE
    server.log.wait_for(r"takes spans again; those of 0 requests were lost")
    assert len(server.log.matching("Cannot send spans to .*: it answers 503")) == 1


def test_a_message_that_is_refused_is_not_sent_again(serve: Serve, collector: Collector) -> None:
    collector.answers += [400]
    server = traced(serve, "sync", collector)
    ask(server, "/", GIVEN + "1")
    server.log.wait_for("Cannot send spans to .*: it answers 400")
    ask(server, "/")
    assert collector.spans(3)[0].trace_id.hex() != TRACE
    server.log.wait_for(r"takes spans again; those of 1 requests were lost")


@pytest.mark.parametrize("kind", ["sync", "gevent", "asgi"])
def test_a_collector_that_does_not_answer_keeps_no_worker(
    serve: Serve, kind: str, collector: Collector
) -> None:
    """Requests are answered, and the worker ends without it."""
    collector.open.clear()
    server = traced(serve, kind, collector)
    ask(server, "/")
    collector.asked.get()
    assert TRACE in ask(server, "/", GIVEN + "1")
    server.stop()
    server.log.wait_for("Spans of 2 requests were not sent to http://127.0.0.1")
    assert not server.log.matching("SIGKILL")


@pytest.mark.parametrize("kind", ["uvicorn_worker.UvicornWorker", "gevent_pywsgi"])
def test_workers_with_network_code_of_their_own(serve: Serve, kind: str) -> None:
    pytest.importorskip(kind.partition(".")[0].partition("_pywsgi")[0])
    app = "application" if kind == "gevent_pywsgi" else "asgi"
    server = serve(f"traced_app:{app}", "-k", kind, "--otlp", "localhost")
    server.log.wait_for(f"otlp: {re.escape(kind)} has network code of its own, whose requests")
