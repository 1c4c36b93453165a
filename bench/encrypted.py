"""What is measured with TLS and with HTTP/2: one row per scenario, of both interfaces.

Clients: wrk and h2load (OpenSSL, TLS 1.3), and openssl's `s_time` for sessions that go on.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from bench import usage
from bench.crowd import Idle, settle
from bench.load import PATIENCE, Load, LoadError, h2load
from bench.measures import RATE, check, rated, throughput
from bench.process import Variant
from bench.scenario import Measure, Scenario
from bench.server import ASGI, LICORNE, NGINX, WSGI

if TYPE_CHECKING:
    from bench.process import Running, Tools

CROWD = 1000
ASGI_APP = "bench.app_asgi:app"
#: Those that serve WSGI with TLS, and what nginx does without an application.
SERVERS = (
    *(LICORNE, "licorne gthread", "licorne gevent", "licorne tornado"),
    *("gunicorn gthread", "granian", "peregrine", "uvicorn", NGINX),
)
H2 = Load(connections=8, streams=32, tls=True)
FILE = Load(path="/file", connections=8, tls=True)


def multiplexed(scenario: Scenario, server: Running, _tools: Tools, seconds: float) -> Measure:
    """Rate and processor time per request under h2load."""
    return rated(scenario, server, seconds, h2load)


def resumed(scenario: Scenario, server: Running, _tools: Tools, seconds: float) -> Measure:
    """Processor time of a connection that goes on with the session of the one before, and of its
    request; one connection at a time."""
    check(server, scenario)
    _again(server.port, 1)
    before = usage.times(server.pid)
    count, again = _again(server.port, seconds)
    spent = usage.times(server.pid) - before
    values = {
        "cpu µs": (spent.user + spent.system) * 1e6 / count,
        "connections/s": count / seconds,
        "resumed": again / count,
    }
    return Measure(values)


def _again(port: int, seconds: float) -> tuple[int, int]:
    """Connections, and how many of them went on with a session: `s_time` prints an r for each."""
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-reuse", "-www", "/"]
    command += ["-time", str(max(1, round(seconds)))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError("openssl s_time did not end in time") from error
    # Once by the processor time of the client, once by the clock.
    counts = re.findall(r"^(\d+) connections in \d+ real seconds", done.stdout, re.MULTILINE)
    if done.returncode or not counts or counts[0] == "0":
        raise LoadError(f"openssl s_time: {done.stderr.strip()[-80:]}")
    return int(counts[0]), sum(map(len, re.findall(r"^[*rt]+$", done.stdout, re.MULTILINE)))


def idle(_scenario: Scenario, server: Running, _tools: Tools, _seconds: float) -> Measure:
    """Memory of a connection with TLS that waits, after one answer."""
    settle()
    before_kb = usage.tree_pss(server.pid)
    crowd = Idle(server.port, CROWD, tls=True)
    settle(1.5)
    grown_kb = usage.tree_pss(server.pid) - before_kb
    held = crowd.still_open()
    crowd.close()
    values = {"all PSS MB": (before_kb + grown_kb) / 1024, "held": float(held)}
    if held == CROWD:
        values["KB/connection"] = grown_kb / CROWD
    return Measure(values)


def _row(name: str, title: str, load: Load, *, asgi: bool = False, fresh: bool = False) -> Scenario:
    measures = {"tls-resumed": resumed, "tls-idle": idle}
    columns = {
        "tls-resumed": ("cpu µs", "connections/s", "resumed"),
        "tls-idle": ("KB/connection", "all PSS MB", "held"),
    }
    by_load = multiplexed if load.streams > 1 or "h2" in name else throughput
    return Scenario(
        name=name,
        title=title,
        group="tls",
        measure=measures.get(name, by_load),
        load=load,
        columns=columns.get(name, RATE),
        interface=ASGI if asgi else WSGI,
        only=() if asgi else SERVERS if load.path == "/" else SERVERS[:-1],
        fresh=fresh,
        variant=Variant(
            app=ASGI_APP if asgi else Variant.app, tls=load.tls, cleartext=not load.tls
        ),
    )


HELLO_TLS = Load(tls=True)
SCENARIOS = (
    _row("tls-hello", "TLS: hello, 64 keep-alive connections", HELLO_TLS),
    _row("tls-connect", "TLS: a full handshake for each hello", Load(tls=True, close=True)),
    _row("tls-resumed", "TLS: a session that goes on for each hello", HELLO_TLS),
    _row("tls-file", "TLS: download of 10 MB, 8 connections", FILE),
    _row("tls-idle", f"TLS: memory of an idle connection, of {CROWD:,}", HELLO_TLS, fresh=True),
    _row("tls-h2", "HTTP/2 over TLS: hello, 8 connections, 32 streams each", H2),
    _row("tls-h2-file", "HTTP/2 over TLS: download of 10 MB, 8 connections", FILE),
    _row(
        "h2-cleartext",
        "HTTP/2 in clear text: hello, 8 connections, 32 streams each",
        Load(connections=8, streams=32),
    ),
    _row("asgi-tls-hello", "ASGI: TLS: hello, 64 keep-alive connections", HELLO_TLS, asgi=True),
    _row(
        "asgi-tls-h2", "ASGI: HTTP/2 over TLS: hello, 8 connections, 32 streams each", H2, asgi=True
    ),
)
