"""What is measured: one row per scenario, and the few functions that measure.

A scenario takes a running server and gives a `Measure`. Rounds, pinning, starting and stopping
are the business of run.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import asgi, encrypted, mixed, usage
from bench.app import TURN
from bench.crowd import Idle, LongPolls, SlowClients, SlowViews, settle
from bench.fairness import start_delays
from bench.load import Load, LoadError, pace, wrk
from bench.measures import RATE, check, closing, start, streaming, throughput
from bench.overload import overloaded
from bench.process import Variant, ask, replaced_ms
from bench.scenario import Measure, Scenario

if TYPE_CHECKING:
    from bench.process import Running, Tools


def cost(scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """Processor time per request to the nanosecond, for servers that differ by little.

    Under wrk a worker has many requests to read at a time; at a fixed rate it mostly has one or
    two, wakes and sleeps for them, and everything is colder.
    """
    check(server, scenario)
    load = scenario.load
    wrk(server.port, load, 1)  # as in `throughput`
    before_ns = usage.run_ns(server.pid)
    flood = wrk(server.port, load, seconds)
    between_ns = usage.run_ns(server.pid)
    steady = pace(tools.pace, server.port, STEADY, seconds, load.connections)
    after_ns = usage.run_ns(server.pid)
    values = {
        "cpu µs": (between_ns - before_ns) / 1000 / flood.requests,
        "steady cpu µs": (after_ns - between_ns) / 1000 / max(1, steady.answered),
        "answered": steady.answered / steady.planned,
        "errors": float(flood.errors + steady.errors),
    }
    return Measure(values)


def slow_views(_scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """Times of fast requests while 5 % of the requests sleep 100 ms.

    Three clients of the slow view give at most 30 such requests a second and never hold a fourth
    thread; 570 fast ones a second are the other 95 %.
    """
    slow = SlowViews(server.port, 3)
    with slow:
        seen = pace(tools.pace, server.port, 570, seconds, 64)
    values = {
        "fast p99 ms": seen.p99_ms,
        "fast p50 ms": seen.p50_ms,
        "fast max ms": seen.max_ms,
        "answered": seen.answered / seen.planned,
        "slow/s": slow.answered / seconds,
        "errors": float(seen.errors + slow.errors),
    }
    return Measure(values)


def fairness(scenario: Scenario, server: Running, _tools: Tools, seconds: float) -> Measure:
    """How long a ready request waits for its start while a slow one runs on another thread."""
    delays = start_delays(server.port, scenario.load.path, seconds)
    values = {
        "start p50 ms": delays.at(0.5),
        "start p99 ms": delays.at(0.99),
        "start max ms": delays.at(1),
        "samples": float(delays.count),
    }
    return Measure(values)


def slow_clients(_scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """Times of a fast client beside 200 slow senders and 200 slow readers of 1 MB."""
    idle_kb = usage.tree_pss(server.pid)
    crowd = SlowClients(server.port, senders=200, readers=200)
    with crowd:
        crowd.connected.wait(60)
        settle()
        seen = pace(tools.pace, server.port, 500, seconds, 4)
        busy_kb = usage.tree_pss(server.pid)
    values = {
        "fast p99 ms": seen.p99_ms,
        "fast p50 ms": seen.p50_ms,
        "answered": seen.answered / seen.planned,
        "PSS MB": busy_kb / 1024,
        "grown MB": (busy_kb - idle_kb) / 1024,
        "dropped": float(crowd.lost),
        "errors": float(seen.errors),
    }
    return Measure(values, "" if seen.answered else "the fast client is never served")


def memory(_scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Memory of the idle worker and of an idle keep-alive connection; time to the first answer."""
    worker = int(ask(server.port, "/pid").rpartition(b"\r\n\r\n")[2] or server.pid)
    settle()
    worker_kb, tree_kb = usage.pss(worker), usage.tree_pss(server.pid)
    held, grown_kb = 0, 0
    if _keeps_alive(server):
        try:
            idle = Idle(server.port, CROWD, tls=server.tls)
        except OSError as error:
            raise LoadError(f"does not hold {CROWD} connections: {error}") from error
        settle(1.5)
        grown_kb = usage.tree_pss(server.pid) - tree_kb
        held = idle.still_open()
        idle.close()
    values = {
        "worker PSS MB": worker_kb / 1024,
        "all PSS MB": tree_kb / 1024,
        "held": float(held),
        "start ms": server.start_seconds * 1000,
    }
    if held == CROWD:
        values["KB/connection"] = grown_kb / CROWD
    return Measure(values, "" if held else "closes after each answer")


def killed(_scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """How long nothing is answered when the one worker is killed: right after its first answer, and
    when it has served for more than a second."""
    values = {"first ms": replaced_ms(server.port)}
    settle(1.5)
    values["later ms"] = replaced_ms(server.port)
    return Measure(values)


def long_polls(_scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Memory of a worker while a thousand requests wait in the application, and answers."""
    idle_kb = usage.tree_pss(server.pid)
    polls = LongPolls(server.port, CROWD)
    settle()
    busy_kb = usage.tree_pss(server.pid)
    answered = polls.answered()
    worker_kb = usage.pss(int(ask(server.port, "/pid").rpartition(b"\r\n\r\n")[2] or server.pid))
    values = {
        "all PSS MB": busy_kb / 1024,
        "KB/request": (busy_kb - idle_kb) / CROWD,
        "worker PSS MB after": worker_kb / 1024,
        "answered": float(answered),
    }
    return Measure(values)


def overload(scenario: Scenario, server: Running, _tools: Tools, seconds: float) -> Measure:
    """Times of the requests that are accepted, and of the 503s, at three times what it can do."""
    capacity = round(max(1, scenario.variant.threads) / TURN)
    check(server, scenario)
    return Measure(overloaded(server.port, scenario.load.path, capacity, QUEUE, seconds))


def _keeps_alive(server: Running) -> bool:
    """Whether a connection stays open after an answer: found out with one, not with a thousand."""
    probe = Idle(server.port, 1, tls=server.tls)
    settle()
    alive = probe.still_open() == 1
    probe.close()
    return alive


CROWD = 1000
#: `queue_timeout` of the servers that have one.
QUEUE = 0.5
#: Requests a second that one core serves easily, whatever it logs.
STEADY = 20_000
THREADED = ("licorne threads", "gunicorn threads")
GREENLETS = ("licorne gevent", "gunicorn gevent")
#: Worker types whose own loop polls the engine, beside the one that does not, and a peer.
LOOPS = ("licorne", "licorne gevent", "licorne eventlet", "licorne tornado", "granian")
#: Servers with a master that replaces workers.
MASTERS = ("licorne", "gunicorn sync")
LOGS = ("licorne", "licorne text log", "licorne JSON log")
FAST = ("fast p99 ms", "fast p50 ms", "fast max ms", "answered", "slow/s", "errors")


def _wrk(name: str, title: str, load: Load, only: tuple[str, ...] = (), **more: bool) -> Scenario:
    return Scenario(
        only=only,
        name=name,
        title=title,
        measure=streaming if name == "stream" else throughput,
        load=load,
        columns=RATE,
        variant=Variant(
            access_log=more.get("access_log", False),
            json=more.get("json", False),
            pipelining=more.get("pipelining", False),
        ),
        responder=more.get("responder", False),
    )


def _framework(name: str) -> Scenario:
    return Scenario(
        name=name,
        title=f"{name.capitalize()}'s hello, 64 keep-alive connections",
        measure=closing,
        columns=RATE,
        variant=Variant(app=f"bench.app_{name}:application"),
    )


def _slow(threads: int) -> Scenario:
    return Scenario(
        name=f"slow-{threads}",
        title=f"5 % of the requests sleep 100 ms, threads = {threads}: times of the fast ones",
        measure=slow_views,
        columns=FAST,
        variant=Variant(threads=threads),
        only=THREADED,
    )


def _fairness(name: str, title: str, path: str, *servers: str) -> Scenario:
    return Scenario(
        name=name,
        title=f"a ready request beside one that {title} for 100 ms: time to its start",
        measure=fairness,
        load=Load(path=path),
        columns=("start p99 ms", "start p50 ms", "start max ms", "samples"),
        variant=Variant(threads=4),
        only=servers,
    )


SCENARIOS = (
    _wrk("hello", "hello, 64 keep-alive connections", Load(), responder=True),
    _wrk("hello-256", "hello, 256 keep-alive connections", Load(connections=256), responder=True),
    _wrk(
        "pipelining",
        "hello, 16 requests per write, 64 connections",
        Load(pipeline=16),
        pipelining=True,
        responder=True,
    ),
    _wrk("connect", "hello, one connection per request", Load(close=True)),
    _wrk("echo", "POST of 10 KB, sent back", Load(path="/echo", method="POST", body=10240)),
    _wrk(
        "upload",
        "upload of 10 MB, 8 connections",
        Load(path="/upload", method="POST", body=10 * 1024 * 1024, connections=8),
    ),
    _wrk(
        "loops-pipelining",
        "hello, 16 requests per write, 64 connections, on each kind of loop",
        Load(pipeline=16),
        LOOPS,
        pipelining=True,
    ),
    _wrk(
        "loops-upload",
        "upload of 10 MB, 8 connections, on each kind of loop",
        Load(path="/upload", method="POST", body=10 * 1024 * 1024, connections=8),
        LOOPS,
    ),
    _wrk("big", "response of 1 MB, 16 connections", Load(path="/big", connections=16)),
    _wrk(
        "stream", "iterator of 1,000 x 1 KB, 16 connections", Load(path="/stream", connections=16)
    ),
    _wrk("file", "wsgi.file_wrapper of 10 MB, 16 connections", Load(path="/file", connections=16)),
    _wrk("access-log", "hello with the access log on", Load(), access_log=True),
    _wrk(
        "access-log-json", "hello with the access log as JSON", Load(), access_log=True, json=True
    ),
    Scenario(
        name="log-cost",
        title="what a line of the access log costs: hello under wrk, and 20,000 times a second",
        measure=cost,
        columns=("cpu µs", "steady cpu µs", "answered", "errors"),
        only=LOGS,
    ),
    _framework("flask"),
    _framework("django"),
    Scenario(
        name="brief",
        title="requests that wait 0.3 ms in the application, threads = 8, 64 connections",
        measure=throughput,
        load=Load(path="/brief"),
        columns=RATE,
        variant=Variant(threads=8),
        only=THREADED,
    ),
    _slow(1),
    _slow(4),
    _fairness("fairness", "waits", "/slow", *THREADED, *GREENLETS),
    _fairness("fairness-busy", "computes", "/busy", *THREADED),
    Scenario(
        name="overload",
        title="requests of 10 ms at three times what one thread can do, queue_timeout = 0.5 s",
        measure=overload,
        load=Load(path="/turn"),
        columns=(
            *("accepted p99 ms", "unloaded p99 ms", "accepted/s", "503 p99 late ms", "503/s"),
            "errors",
        ),
        only=("licorne queue_timeout", "licorne", "gunicorn sync"),
    ),
    Scenario(
        name="slow-clients",
        title="a fast client beside 200 slow senders and 200 slow readers of 1 MB",
        measure=slow_clients,
        columns=(
            "fast p99 ms",
            "fast p50 ms",
            "answered",
            "PSS MB",
            "grown MB",
            "dropped",
            "errors",
        ),
    ),
    Scenario(
        name="long-polls",
        title="1,000 requests that wait 5 s in the application, all at a time",
        measure=long_polls,
        load=Load(path="/poll"),
        columns=("all PSS MB", "KB/request", "worker PSS MB after", "answered"),
        only=GREENLETS,
    ),
    Scenario(
        name="memory",
        title="memory of an idle worker, of 1,000 idle connections; start to first answer",
        measure=memory,
        columns=("worker PSS MB", "all PSS MB", "KB/connection", "held", "start ms"),
        fresh=True,
    ),
    Scenario(
        name="start-django",
        title="Django with 4 workers: start to first answer",
        measure=start,
        variant=Variant(app="bench.app_django:application", workers=4),
        columns=("start ms", "processor ms"),
        only=MASTERS,
        fresh=True,
    ),
    Scenario(
        name="kill",
        title="a worker that has served is killed (SIGKILL): time to the next answer",
        measure=killed,
        columns=("first ms", "later ms"),
        only=MASTERS,
        fresh=True,
    ),
    *encrypted.SCENARIOS,
    *mixed.SCENARIOS,
    *asgi.SCENARIOS,
)
