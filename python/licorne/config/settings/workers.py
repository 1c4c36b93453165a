"""How many worker processes, of which kind, and how long each thing may take."""

from __future__ import annotations

from licorne.config import convert
from licorne.config.classes import worker_class
from licorne.config.option import Section, derived, option


class Workers(Section):
    """Worker processes"""

    workers: int = option(
        "-w",
        "--workers",
        default=1,
        convert=convert.worker_count,
        env="WEB_CONCURRENCY",
        doc="""Number of worker processes; `auto` for one a processor.

        `auto` counts the processors that the server may use: those of its affinity, and no more
        than the quota of its cgroup (a container's limit), where a part of one counts as one. The
        default is taken from WEB_CONCURRENCY, if that is set.
        """,
    )
    worker_class: type = derived(
        "-k", "--worker-class",
        default="sync", view=worker_class, convert=convert.class_spec,
        doc="""The kind of worker: an alias, a dotted path, or a class.

        The aliases are sync, gthread, asgi, gevent, eventlet, tornado, and gevent_pywsgi or
        gevent_wsgi for gevent's own server; docs/workers.md says what they are. `sync` with more
        than one thread is `gthread`. When none is given and the application is ASGI, it is `asgi`.
        """,
    )  # fmt: skip
    threads: int = option(
        "--threads",
        default=1,
        doc="""Threads in each worker that run the application.

        More than one make `sync` a `gthread`; the other kinds of worker do not look at it.
        """,
    )
    worker_connections: int = option(
        "--worker-connections",
        default=1000,
        doc="""Most clients that a worker has at a time, those that are idle included.

        For each listener on gevent, eventlet and tornado, where gevent and eventlet run as many
        requests at a time. `sync` does not look at it.
        """,
    )
    max_requests: int = option(
        "--max-requests",
        default=0,
        doc="Replace a worker after this many requests; 0 for never.",
    )
    max_requests_jitter: int = option(
        "--max-requests-jitter",
        default=0,
        doc="Add a random number up to this to max_requests, so that workers do not end together.",
    )
    max_worker_memory: int | str = option(
        "--max-worker-memory",
        default=0,
        convert=convert.memory,
        metavar="SIZE",
        doc="""Replace a worker whose memory (RSS) is above this; 0 for never.

        Bytes, as 512M or 2G, or a share, as 40%, of the memory that the server's cgroup may use
        (of the machine's, when nothing limits the cgroup). Two samples in a row must be above it,
        and the replacement is ready before the worker leaves.
        """,
    )
    timeout: int = option(
        "-t",
        "--timeout",
        default=30,
        doc="""Replace a worker that gives no sign of life for this many seconds; 0 for never.

        A sync worker is silent while it runs a request, so there it bounds the request.
        """,
    )
    request_timeout: float = option(
        "--request-timeout",
        default=0.0,
        doc="""Seconds that a request may be with the application; 0 for no limit. Then 504.

        It holds for every kind of worker on the engine. The log names the request and shows the
        Python stack of its thread; the worker's other requests go on, and the worker is replaced.
        """,
    )
    request_timeout_paths: dict[str, float] = option(
        "--request-timeout-path",
        default={},
        metavar="PREFIX=SECONDS",
        doc="""Another request_timeout for the paths that begin with a prefix; 0 for no limit.

        The longest prefix decides. In a configuration file: a dict, or a list of PREFIX=SECONDS.
        """,
    )
    dispatch: str = option(
        "--dispatch",
        default="auto",
        choices=("auto", "off"),
        doc="""Whether a request that waits in a busy worker goes to another one that is free.

        `auto`: a complete request that has waited about a millisecond for a thread is handed, with
        its connection, to a worker that has one free, if there are several workers on the engine.
        `off`: a connection stays with the worker that accepted it. Linux only.
        """,
    )
    queue_timeout: float = option(
        "--queue-timeout",
        default=0.0,
        doc="""Seconds that a complete request may wait for a thread; 0 for no limit. Then 503.

        It holds for every kind of worker on the engine. The answer has Retry-After, and the
        application never sees the request. Metrics and health checks (metrics_bind) never wait.
        """,
    )
    queue_timeout_paths: dict[str, float] = option(
        "--queue-timeout-path",
        default={},
        metavar="PREFIX=SECONDS",
        doc="""Another queue_timeout for the paths that begin with a prefix; 0 for no limit.

        The longest prefix decides. In a configuration file: a dict, or a list of PREFIX=SECONDS.
        """,
    )
    graceful_timeout: int = option(
        "--graceful-timeout",
        default=30,
        doc="Seconds that a worker told to stop has to finish its requests; then it is killed.",
    )
    boot_timeout: float = option(
        "--boot-timeout",
        default=0.0,
        doc="""Seconds that a worker has to load the application; 0 for no limit.

        `timeout` does not count while an application is loaded. A worker that takes longer is
        ended and tried again; those that serve go on.
        """,
    )
    drain_delay: float = option(
        "--drain-delay",
        default=0.0,
        doc="""Seconds between TERM and the stop.

        Meanwhile everything is served, and readiness says no, so that load balancers look
        elsewhere. A second TERM ends the waiting.
        """,
    )
    reload_strategy: str = option(
        "--reload-strategy",
        default="rolling",
        choices=("rolling", "all"),
        doc="""How HUP replaces the workers.

        `rolling` starts at most `reload_surge` new ones beside the others; `all` starts a whole
        generation at once, as gunicorn does. In both, an old worker leaves only when a new one is
        ready.
        """,
    )
    reload_surge: int = option(
        "--reload-surge",
        default=1,
        convert=convert.Within(1, 65535),
        doc="Processes above `workers` while workers are being replaced, for whatever reason.",
    )
    worker_max_age: float = option(
        "--worker-max-age",
        default=0.0,
        doc="Replace a worker that has served for this many seconds; 0 for never.",
    )
    keepalive: int = option(
        "--keep-alive",
        default=75,
        doc="""Seconds to wait for the next request on a connection; 0 to close after each.

        An idle connection costs no thread, so the default is that of common proxies.
        """,
    )
    keepalive_requests: int = option(
        "--keep-alive-requests",
        default=0,
        doc="Requests of one connection, which is closed after the last; 0 for no limit.",
    )
    connections_per_address: int = option(
        "--connections-per-address",
        default=0,
        doc="""Connections of one client address at a time, in each worker; 0 for no limit.

        More are closed at once. A client of IPv6 has one network with 64 bits. Peers in
        forwarded_allow_ips are proxies, and are not counted; with proxy_protocol the clients that
        they name are.
        """,
    )
    header_timeout: float = option(
        "--header-timeout",
        default=20.0,
        doc="Seconds for a complete request head to arrive; 0 for no limit. Then 408.",
    )
    body_timeout: float = option(
        "--body-timeout",
        default=30.0,
        doc="Seconds between two parts of a request body; 0 for no limit. Then 408.",
    )
    body_min_rate: int = option(
        "--body-min-rate",
        default=0,
        doc="""Bytes of a request body in each second, on average, at the least; 0 for no limit.

        It counts after five seconds, and while the application asks for the body. Then 408.
        """,
    )
    write_min_rate: int = option(
        "--write-min-rate",
        default=0,
        doc="""Bytes of its response that a client takes in each second, at least; 0 for no limit.

        It counts after five seconds in which the client has left something waiting. Then the
        connection is closed.
        """,
    )
    write_timeout: float = option(
        "--write-timeout",
        default=60.0,
        doc="Seconds that a client may take nothing of its response; 0 for no limit.",
    )
    http_parser: str = option(
        "--http-parser",
        default="auto",
        convert=convert.lower_text,
        choices=("auto", "fast", "python"),
        doc="Accepted for gunicorn's sake: there is one parser, the native one.",
    )
    asgi_loop: str = option(
        "--asgi-loop",
        default="auto",
        convert=convert.loop,
        metavar="LOOP",
        doc="""The event loop of asgi workers: `auto`, `asyncio`, `uvloop`, or MODULE:FACTORY.

        `auto` is uvloop when it is installed. A factory is called without arguments in each worker,
        and returns an `asyncio.AbstractEventLoop`.
        """,
    )
    asgi_lifespan: str = option(
        "--asgi-lifespan",
        default="auto",
        convert=convert.lower_text,
        choices=("auto", "on", "off"),
        doc="""Whether to run the lifespan protocol; `auto` is on when the application supports it.

        `auto` serves an application that raises or returns before it has started as one without the
        protocol; `on` takes that for a failed start. lifespan.startup.failed is one in both.
        `boot_timeout` bounds the start, `graceful_timeout` the end.
        """,
    )
    asgi_disconnect_grace_period: int = option(
        "--asgi-disconnect-grace-period",
        default=3,
        doc="""Seconds that a task has after its client went away, before it is cancelled.

        The application gets http.disconnect at once. 0 cancels at once, too.
        """,
    )
    limit_concurrency: int = option(
        "--limit-concurrency",
        default=0,
        doc="""Most requests with the application at a time in one asgi worker; 0 for no limit.

        What comes beyond is answered 503 with Retry-After. The name is uvicorn's.
        """,
    )
    websocket_max_message_size: int = option(
        "--websocket-max-message-size",
        default=16 * 1024 * 1024,
        doc="""Largest WebSocket message in bytes; 0 for no limit. A larger one closes with 1009.

        What counts is the message after it was inflated.
        """,
    )
    websocket_ping_interval: float = option(
        "--websocket-ping-interval",
        default=20.0,
        doc="Seconds of silence after which a WebSocket client is sent a ping; 0 for never.",
    )
    websocket_ping_timeout: float = option(
        "--websocket-ping-timeout",
        default=20.0,
        doc="""Seconds after a ping until a silent WebSocket connection is closed; 0 for never.

        Whatever the client sends is a sign of life.
        """,
    )
    websocket_compression: bool = option(
        "--no-websocket-compression",
        default=True,
        const=False,
        doc="Do not compress WebSocket messages (permessage-deflate), whatever clients offer.",
    )
