"""Load from outside: wrk for throughput, `pace` for response times at a fixed rate.

Both are bounded in time and talk to 127.0.0.1 only; both run on the core of this process.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

SCRIPT = Path(__file__).with_name("wrk.lua")
#: Seconds a load program may take beyond its own duration.
PATIENCE = 15
#: Requests a second of the mixed load; one of so many is slow.
MIXED_RATE, MIXED_EVERY = 200, 20


class LoadError(Exception):
    """The load program did not end well, or the answers were not what they should be."""


@dataclass(frozen=True)
class Load:
    """What is sent: by wrk, or on WebSockets and event streams that are held open."""

    path: str = "/"
    connections: int = 64
    method: str = "GET"
    body: int = 0
    pipeline: int = 0
    close: bool = False
    #: So many answers are counted by their bodies.
    tally: int = 0
    #: The body that one answer must have before the load begins; empty: only success is looked for.
    expects: bytes = b""
    #: Whether WebSockets offer to compress.
    deflate: bool = False
    tls: bool = False
    #: Requests at a time on each connection of HTTP/2.
    streams: int = 1

    def arguments(self) -> list[str]:
        """The KEY=VALUE arguments that wrk.lua understands."""
        found = [f"method={self.method}"]
        if self.body:
            found.append(f"body={self.body}")
        if self.pipeline:
            found.append(f"pipeline={self.pipeline}")
        if self.close:
            found.append("close=1")
        if self.tally:
            found.append(f"tally={self.tally}")
        return found


@dataclass(frozen=True)
class Answered:
    """What wrk saw."""

    requests: int
    seconds: float
    p99_ms: float | None
    #: Connections that failed, reads and writes that failed, answers that were no success.
    errors: int
    issued: int
    #: Body → answers.
    tally: dict[str, int]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Paced:
    """What the client of a fixed rate saw."""

    planned: int
    answered: int
    errors: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Mixed:
    """What the same client saw of requests of which some are slow."""

    #: The times of the others.
    p50_ms: float
    p99_ms: float
    max_ms: float
    slow_p99_ms: float
    #: Requests without an answer, sent or not.
    unserved: int
    #: Connections that failed or ended early, answers that were no success.
    errors: int
    #: How late the client was with sending, by no fault of the server.
    late_p99_ms: float


class _Seen(TypedDict):
    """What pace prints."""

    planned: int
    sent: int
    answered: int
    bad_status: int
    lost: int
    refused: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    slow_answered: int
    slow_p99_ms: float
    late_p99_ms: float


def wrk(port: int, load: Load, seconds: float) -> Answered:
    """Send the load and count the answers."""
    whole = max(1, round(seconds))
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{whole}s", "-s", str(SCRIPT)]
    command += [_url(port, load), "--", *load.arguments()]
    for line in _output(command, whole).splitlines():
        if line.startswith("RESULT "):
            seen = json.loads(line.removeprefix("RESULT "))
            return _answered(seen, seen.pop("tally"), load)
    raise LoadError("wrk printed no result")


def h2load(port: int, load: Load, seconds: float) -> Answered:
    """The same over HTTP/2: by ALPN with TLS, else by prior knowledge."""
    whole = max(1, round(seconds))
    streams = ["-c", str(load.connections), "-m", str(load.streams), "-D", str(whole)]
    output = _output(["h2load", *streams, _url(port, load)], whole)
    if not re.search(r"^Application protocol: h2c?$", output, re.MULTILINE):
        raise LoadError("no HTTP/2")
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", output)}
    if counts["succeeded"] == 0:
        raise LoadError("no answer at all")
    failed = counts["failed"] + counts["errored"] + counts["timeout"]
    errors = failed - _open_at_the_end(load, failed)
    return Answered(counts["succeeded"], whole, None, errors, counts["started"], {})


def _open_at_the_end(load: Load, failed: int) -> int:
    """Requests that h2load gives up when its time is over count as failed: one on each stream."""
    return min(failed, load.connections * load.streams)


def _url(port: int, load: Load) -> str:
    return f"http{'s' if load.tls else ''}://127.0.0.1:{port}{load.path}"


def pace(program: Path, port: int, rate: int, seconds: float, connections: int) -> Paced:
    """Ask for `/` at a fixed rate and time each answer from the moment it was due."""
    seen = _paced(program, port, rate, seconds, connections)
    missing = seen["planned"] - seen["answered"]
    return Paced(
        planned=seen["planned"],
        answered=seen["answered"],
        errors=max(missing, seen["lost"] + seen["refused"]) + seen["bad_status"],
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
        max_ms=seen["max_ms"],
    )


def mixed(program: Path, port: int, slow_path: str, seconds: float) -> Mixed:
    """Ask 200 times a second on 64 connections in turn, 5 % of the requests for `slow_path`."""
    seen = _paced(program, port, MIXED_RATE, seconds, 64, slow_path, str(MIXED_EVERY))
    return Mixed(
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
        max_ms=seen["max_ms"],
        slow_p99_ms=seen["slow_p99_ms"],
        unserved=seen["planned"] - seen["answered"] - seen["slow_answered"],
        errors=seen["lost"] + seen["refused"] + seen["bad_status"],
        late_p99_ms=seen["late_p99_ms"],
    )


def _paced(
    program: Path, port: int, rate: int, seconds: float, connections: int, *slow: str
) -> _Seen:
    command = [str(program), str(port), "/", str(rate), str(seconds), str(connections), *slow]
    seen: _Seen = json.loads(_output(command, seconds))
    return seen


def _answered(seen: dict[str, int], tally: dict[str, int], load: Load) -> Answered:
    result = Answered(
        requests=seen["requests"],
        seconds=seen["duration_us"] / 1e6,
        p99_ms=seen["p99_us"] / 1000 or None,  # wrk says 0 when it cannot say
        errors=sum(seen[kind] for kind in ("connect", "read", "write", "status", "timeout")),
        issued=seen["issued"],
        tally=tally,
    )
    # wrk asks the script for one burst more than it sends, to look at it.
    open_at_the_end = (load.connections + 1) * load.pipeline
    if load.pipeline and not 0 <= result.issued - result.requests <= open_at_the_end:
        raise LoadError(f"{result.issued} pipelined requests got {result.requests} answers")
    if result.requests == 0:
        raise LoadError("no answer at all")
    return result


def _output(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"{command[0]} did not end in time") from error
    if done.returncode != 0:
        raise LoadError(f"{command[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
