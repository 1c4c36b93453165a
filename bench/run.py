"""`python -m bench`: licorne and its peers, one worker on core 0, load from core 1.

All servers of a scenario run at the same time and are measured in turn, round after round, so
that a disturbance of the machine meets all of them. The table shows medians. A server that fails
is named and the run goes on.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import install
from bench.load import LoadError
from bench.process import NotServingError, Running, Tools, on_load_core
from bench.report import Row, table, write_json
from bench.scenarios import SCENARIOS
from bench.server import RESPONDER
from bench.servers import SERVERS

if TYPE_CHECKING:
    from bench.scenario import Scenario
    from bench.server import Server

RESULTS = Path(__file__).with_name("results")


def main(argv: list[str] | None = None) -> int:
    """Measure what was asked for, print a table per scenario, write the record."""
    args = _arguments(argv)
    # Ended from outside, the servers are ended too: the way out leads through `finally`.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    scenarios = [
        scenario
        for scenario in SCENARIOS
        if not args.scenario or {scenario.name, scenario.group} & set(args.scenario)
    ]
    install.system_packages()
    bin_folder, missing = install.environment(
        args.licorne_python, install_peers=not args.no_install
    )
    licorne_python = args.licorne_python or bin_folder / "python"
    facts = _facts(args.rounds, args.seconds, licorne_python)
    on_load_core()
    results: dict[str, list[Row]] = {}
    certificate, key = install.certificate()
    with tempfile.TemporaryDirectory(prefix="licorne-bench-") as scratch:
        tools = Tools(
            root=install.ROOT,
            bin=bin_folder,
            licorne_python=licorne_python,
            responder=install.compiled("responder"),
            pace=install.compiled("pace"),
            websocket=install.compiled("websocket"),
            certificate=certificate,
            key=key,
            scratch=Path(scratch),
        )
        for scenario in scenarios:
            servers = _taking_part(scenario, args.server, missing)
            rows = _measure(scenario, servers, tools, args.rounds, args.seconds)
            rows += _absent(scenario, args.server, missing)
            results[scenario.name] = rows
            print(table(scenario, rows), flush=True)
    print(f"record: {write_json(RESULTS, facts, results)}")
    return 0


def _measure(
    scenario: Scenario, servers: list[Server], tools: Tools, rounds: int, seconds: float
) -> list[Row]:
    rows = {server.name: Row(server.name) for server in servers}
    runnable = [server for server in servers if not _excused(scenario, server, rows[server.name])]
    if scenario.fresh:
        # One at a time and fresh each round: a start is measured, and PSS must not be shared.
        for _ in range(rounds):
            for server in runnable:
                row = rows[server.name]
                if not row.failures and (running := _start(server, scenario, tools, row)):
                    try:
                        _round(scenario, running, tools, seconds, row)
                    finally:
                        running.stop()
        return list(rows.values())
    started = [_start(server, scenario, tools, rows[server.name]) for server in runnable]
    running_now = [running for running in started if running]
    try:
        for number in range(rounds):
            turn = number % max(1, len(running_now))
            for running in running_now[turn:] + running_now[:turn]:
                row = rows[running.server.name]
                if not row.failures:
                    _round(scenario, running, tools, seconds, row)
    finally:
        for running in running_now:
            running.stop()
    return list(rows.values())


def _round(scenario: Scenario, running: Running, tools: Tools, seconds: float, row: Row) -> None:
    install.say(f"bench: {scenario.name}: {row.server}")
    try:
        row.rounds.append(scenario.measure(scenario, running, tools, seconds))
    except (LoadError, OSError) as error:
        row.failures.append(f"failed: {error} [{running.last_words()}]"[:160])


def _start(server: Server, scenario: Scenario, tools: Tools, row: Row) -> Running | None:
    variant = scenario.variant
    if server.threads is None:
        variant = replace(variant, threads=0)
    try:
        return Running(server, variant, tools)
    except (NotServingError, OSError) as error:
        row.failures.append(f"{error}"[:160])
        return None


def _excused(scenario: Scenario, server: Server, row: Row) -> bool:
    """Whether the server cannot do this at all: named in the table, not measured."""
    if scenario.name in server.skips:
        row.failures.append(server.skips[scenario.name])
    elif scenario.variant.access_log and server.access_log is None:
        row.failures.append("has no access log")
    elif scenario.variant.json and server.json is None:
        row.failures.append("has no JSON format")
    elif scenario.variant.tls and server.tls is None:
        row.failures.append("has no TLS")
    elif scenario.variant.cleartext and server.cleartext is None:
        row.failures.append("has no HTTP/2 in clear text")
    return bool(row.failures)


def _taking_part(scenario: Scenario, wanted: list[str], missing: dict[str, str]) -> list[Server]:
    chosen = []
    for server in SERVERS:
        if server.name in missing or (wanted and server.name not in wanted):
            continue
        if scenario.only:
            takes_part = server.name in scenario.only and server.interface == scenario.interface
        elif server.name == RESPONDER:
            takes_part = scenario.responder
        else:
            takes_part = not server.on_request and server.interface == scenario.interface
        if takes_part:
            chosen.append(server)
    return chosen


def _absent(scenario: Scenario, wanted: list[str], missing: dict[str, str]) -> list[Row]:
    """A row with the reason for each server that was not asked for by name and is not installed."""
    names = [each.name for each in SERVERS if each.interface == scenario.interface]
    return [Row(name, failures=[missing[name]]) for name in names if name in missing and not wanted]


def _facts(rounds: int, seconds: float, licorne_python: Path) -> dict[str, object]:
    return {
        "rounds": rounds,
        "seconds": seconds,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "versions": install.versions(licorne_python),
    }


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    names += sorted({scenario.group for scenario in SCENARIOS if scenario.group})
    parser.add_argument("--scenario", action="append", choices=names, help="only this one")
    servers = list(dict.fromkeys(server.name for server in SERVERS))
    parser.add_argument("--server", action="append", choices=servers, default=[], help="only this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="length of one measurement")
    parser.add_argument(
        "--licorne-python",
        type=Path,
        help="a Python that has licorne installed already (default: build the working tree)",
    )
    parser.add_argument("--no-install", action="store_true", help="use bench/.venv as it is")
    args = parser.parse_args(argv)
    if args.rounds < 1 or args.seconds < 1:
        parser.error("at least one round of one second")
    if len(os.sched_getaffinity(0)) < 2:
        install.say("bench: one processor only: server and load will share it")
    return args


if __name__ == "__main__":
    sys.exit(main())
