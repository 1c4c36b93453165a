"""What is measured with ASGI servers: one row per scenario."""

from __future__ import annotations

from bench import held, websocket
from bench.app import BLOCK, BLOCKS, HELLO
from bench.load import Load
from bench.measures import RATE, start, streaming, throughput
from bench.process import Variant
from bench.scenario import Scenario
from bench.server import ASGI

APP = "bench.app_asgi:app"
MB = 1024 * 1024


def _http(
    name: str, title: str, load: Load, app: str = APP, *, pipelining: bool = False
) -> Scenario:
    return Scenario(
        name=name,
        group="asgi",
        interface=ASGI,
        title=f"ASGI: {title}",
        measure=streaming if load.path == "/stream" else throughput,
        load=load,
        columns=RATE,
        variant=Variant(app=app, pipelining=pipelining),
        responder=load.path == "/" and app == APP and not load.close,
    )


def _framework(name: str) -> Scenario:
    return _http(
        f"asgi-{name.lower()}",
        f"{name}'s JSON, 64 keep-alive connections",
        Load(expects=b'{"message":"Hello, World!"}'),
        f"bench.app_{name.lower()}:app",
    )


def _post(name: str, title: str, path: str, size: int, connections: int = 64) -> Scenario:
    expects = b"x" * size if path == "/echo" else b"%d" % size
    load = Load(path=path, method="POST", body=size, connections=connections, expects=expects)
    return _http(name, title, load)


def _websocket(name: str, title: str, size: int) -> Scenario:
    return Scenario(
        name=name,
        group="asgi",
        interface=ASGI,
        title=f"ASGI: WebSocket echo of {title}, 64 connections",
        measure=websocket.echoes,
        load=Load(path="/websocket", body=size),
        columns=websocket.COLUMNS,
        variant=Variant(app=APP),
    )


def _idle(name: str, title: str, *, deflate: bool) -> Scenario:
    return Scenario(
        name=name,
        group="asgi",
        interface=ASGI,
        title=f"ASGI: {held.WEBSOCKETS:,} idle WebSockets, permessage-deflate {title}",
        measure=held.websockets,
        load=Load(path="/websocket", deflate=deflate),
        columns=held.WEBSOCKET_COLUMNS,
        variant=Variant(app=APP),
        fresh=True,
    )


SCENARIOS = (
    _http("asgi-hello", "hello, 64 keep-alive connections", Load(expects=HELLO)),
    _http(
        "asgi-hello-256",
        "hello, 256 keep-alive connections",
        Load(connections=256, expects=HELLO),
    ),
    _http(
        "asgi-pipelining",
        "hello, 16 requests per write, 64 connections",
        Load(pipeline=16, expects=HELLO),
        pipelining=True,
    ),
    _http("asgi-connect", "hello, one connection per request", Load(close=True, expects=HELLO)),
    _framework("FastAPI"),
    _framework("Starlette"),
    _post("asgi-echo-1k", "POST of 1 KB, sent back", "/echo", 1024),
    _post("asgi-echo-64k", "POST of 64 KB, sent back", "/echo", 64 * 1024),
    _post("asgi-upload", "upload of 10 MB, 8 connections", "/upload", 10 * MB, 8),
    _http(
        "asgi-stream",
        "1,000 x 1 KB, 16 connections",
        Load(path="/stream", connections=16, expects=BLOCK * BLOCKS),
    ),
    _websocket("asgi-websocket-128", "128 B", 128),
    _websocket("asgi-websocket-16k", "16 KB", 16 * 1024),
    _idle("asgi-idle", "not offered", deflate=False),
    _idle("asgi-idle-deflate", "offered", deflate=True),
    Scenario(
        name="asgi-events",
        group="asgi",
        interface=ASGI,
        title=f"ASGI: {held.STREAMS:,} event streams held open; time until all have an event",
        measure=held.streams,
        load=Load(path="/events"),
        columns=held.STREAM_COLUMNS,
        variant=Variant(app=APP),
        fresh=True,
    ),
    Scenario(
        name="asgi-start",
        group="asgi",
        interface=ASGI,
        title="ASGI: start to first answer",
        measure=start,
        columns=("start ms", "processor ms"),
        variant=Variant(app=APP),
        fresh=True,
    ),
)
