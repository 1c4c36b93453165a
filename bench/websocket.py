"""The client of `websocket.c`: round trips on some connections, without a pause."""

from __future__ import annotations

import json
import select
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from bench import usage
from bench.load import PATIENCE, LoadError
from bench.scenario import Measure, Scenario

if TYPE_CHECKING:
    from bench.process import Running, Tools

#: Seconds for the handshakes and the messages that are not counted.
WARM_WITHIN = 20.0
#: Share of its core from which on the client, and not the server, may be what is measured.
BUSY = 0.95
COLUMNS = (
    *("messages/s", "p99 ms", "user µs", "system µs", "cpu µs"),
    *("switches/s", "PSS MB", "load busy", "errors"),
)


class _Seen(TypedDict):
    """What the program prints."""

    messages: int
    seconds: float
    errors: int
    first_error: str
    p50_ms: float
    p99_ms: float
    busy: float


@dataclass(frozen=True)
class RoundTrips:
    """A run of the program: what it saw, and what the server used for it."""

    seen: _Seen
    spent: usage.Times
    switches: int


def echoes(scenario: Scenario, server: Running, tools: Tools, seconds: float) -> Measure:
    """Messages that came back, and processor time per message."""
    load = scenario.load
    command = [
        *(str(tools.websocket), str(server.port), load.path),
        *(str(load.connections), str(load.body), str(seconds)),
    ]
    run = _run(command, server, seconds)
    seen, spent = run.seen, run.spent
    count = max(1, seen["messages"])
    values = {
        "messages/s": seen["messages"] / seen["seconds"],
        "p99 ms": seen["p99_ms"],
        "user µs": spent.user * 1e6 / count,
        "system µs": spent.system * 1e6 / count,
        "cpu µs": (spent.user + spent.system) * 1e6 / count,
        "switches/s": run.switches / seen["seconds"],
        "PSS MB": usage.tree_pss(server.pid) / 1024,
        "load busy": seen["busy"],
        "errors": float(seen["errors"]),
    }
    remarks = [f"error: {seen['first_error']}"] if seen["errors"] else []
    if seen["busy"] > BUSY:
        remarks.append("the client could not do more")
    return Measure(values, "; ".join(remarks))


def _run(command: list[str], server: Running, seconds: float) -> RoundTrips:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            _wait_until_ready(program)
            before, switched = usage.times(server.pid), usage.switches(server.pid)
            output, error = program.communicate("\n", seconds + PATIENCE)
            spent = usage.times(server.pid) - before
            switches = usage.switches(server.pid) - switched
        except subprocess.TimeoutExpired as expired:
            raise LoadError(f"{command[0]} did not end in time") from expired
        finally:
            program.kill()
    if program.returncode != 0:
        raise LoadError(f"websocket: {error.strip() or output.strip()}")
    seen: _Seen = json.loads(output)
    return RoundTrips(seen, spent, switches)


def _wait_until_ready(program: subprocess.Popen[str]) -> None:
    output, error = program.stdout, program.stderr
    if output is None or error is None:
        raise LoadError("the program's output is no pipe")
    readable, _, _ = select.select([output], [], [], WARM_WITHIN)
    if not readable:
        raise LoadError(f"websocket: not ready within {WARM_WITHIN:.0f} s")
    if output.readline() != "ready\n":
        raise LoadError(f"websocket: {error.read().strip()}")
