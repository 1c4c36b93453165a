"""The measures, and their columns, that the scenarios of both interfaces share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import usage
from bench.app import PAUSE
from bench.crowd import settle
from bench.load import LoadError, wrk
from bench.process import ask, exchange, first_block_seconds
from bench.scenario import Measure, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load import Answered, Load
    from bench.process import Running, Tools

RATE = (
    *("requests/s", "p99 ms", "user µs", "system µs", "cpu µs"),
    *("switches/s", "PSS MB", "errors"),
)


def throughput(scenario: Scenario, server: Running, _tools: Tools, seconds: float) -> Measure:
    """Rate, p99, and processor time per request under wrk."""
    return rated(scenario, server, seconds, wrk)


def rated(
    scenario: Scenario,
    server: Running,
    seconds: float,
    program: Callable[[int, Load, float], Answered],
) -> Measure:
    """The same under another program: it is given a port, the load and its seconds."""
    load = scenario.load
    check(server, scenario)
    # Connections, caches and the interpreter's specialisation are warm.
    program(server.port, load, 1)
    before, switched = usage.times(server.pid), usage.switches(server.pid)
    seen = program(server.port, load, seconds)
    spent = usage.times(server.pid) - before
    values = {
        "requests/s": seen.rate,
        "user µs": spent.user * 1e6 / seen.requests,
        "system µs": spent.system * 1e6 / seen.requests,
        "cpu µs": (spent.user + spent.system) * 1e6 / seen.requests,
        "switches/s": (usage.switches(server.pid) - switched) / seen.seconds,
        "PSS MB": usage.tree_pss(server.pid) / 1024,
        "errors": float(seen.errors),
    }
    if seen.p99_ms is not None:
        values["p99 ms"] = seen.p99_ms
    return Measure(values)


def streaming(scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """As `throughput`, and whether blocks leave when they are made, as PEP 3333 and ASGI demand."""
    measured = throughput(scenario, server, tools, seconds)
    if min(first_block_seconds(server.port, "/halting") for _ in range(3)) < PAUSE / 2:
        return measured
    return Measure(measured.values, "does not stream: it collects the body first")


def closing(scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """As `throughput`, and whether responses are closed, as PEP 3333 demands."""
    measured = throughput(scenario, server, tools, seconds)
    counts = [int(ask(server.port, "/closed").rpartition(b"\r\n\r\n")[2]) for _ in range(2)]
    if counts[1] > counts[0]:
        return measured
    return Measure(measured.values, "calls no close(): what ends a request there is left out")


def start(_scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Time from the start to the first answer, and the processor time of all its processes."""
    settle()
    spent = usage.times(server.pid)
    values = {
        "start ms": server.start_seconds * 1000,
        "processor ms": (spent.user + spent.system) * 1000,
    }
    return Measure(values)


def check(server: Running, scenario: Scenario) -> None:
    """Refuse to measure a server that does not answer as it should."""
    load = scenario.load
    if load.expects:
        status, body = exchange(server.port, load.method, load.path, b"x" * load.body)
        if status != 200 or body != load.expects:
            raise LoadError(f"answers {status}, {len(body)} bytes: {body[:40]!r}")
    elif load.method == "GET":
        answer = ask(server.port, load.path, tls=server.tls)
        if answer[9:12] != b"200":
            raise LoadError(f"answers {answer[:40]!r}")
