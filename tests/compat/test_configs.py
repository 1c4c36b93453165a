"""Configurations in the style of public projects: gunicorn and licorne, seen from outside, agree.

What may differ is in DELIBERATE, by the row of docs/coming-from-gunicorn.md that says so.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compat import known, observed
from compat.observed import GUNICORN, LICORNE, Request, Seen
from e2e.server import APPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from e2e.server import Lines, Serve, Server

pytest.importorskip("gunicorn.config", reason="the real gunicorn is not installed")

FORWARDED = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "Remote_User: eve")
TRACED = ("X-Request-ID: 5b1", 'User-Agent: te"st/1', "Referer: http://from.example/?a=b")
REQUESTS = (
    Request(),
    Request("/inside?q=1&r=%2F", fields=(*FORWARDED, *TRACED)),
    Request("/inside", "POST", ("Content-Type: text/plain",), b"a body"),
    Request("/caf%C3%A9/missing"),
    Request("/missing", "HEAD"),
    Request("/health", fields=("User-Agent: kube-probe/1.29",)),
    Request("/", version="1.0"),
)
FAILING = Request("/fail", fields=("X-Trace: 77",))


@dataclass(frozen=True)
class Run:
    """A server under observation, in the middle of a life."""

    server: Server
    log: Lines
    folder: Path
    seen: Seen
    #: Each reload ends a mold too, of which `child_exit` tells.
    molds: bool = False

    def ask(self, *requests: Request) -> None:
        """Send requests, one after the other."""
        for each in requests:
            self.seen.answers.append(observed.ask(self.log, self.folder, each))
            # With threads, the next request may begin before the last hook of this one.
            self.log.wait_for("hook post_request in", len(self.seen.answers))

    def ready(self, count: int) -> None:
        """Wait until so many workers have been ready."""
        self.log.wait_for("hook post_worker_init in", count)

    def left(self, count: int) -> None:
        """Wait until so many workers have gone."""
        self.log.wait_for("hook child_exit in", count * (2 if self.molds else 1))


def a_life(run: Run) -> None:
    """Requests, one of them failing; a reload; one more worker."""
    run.ready(1)
    run.ask(*REQUESTS, FAILING, Request())
    run.seen.files = files(run.folder)
    run.server.send(signal.SIGHUP)
    run.left(1)
    run.ask(Request(), Request("/metrics"))
    run.server.send(signal.SIGTTIN)
    run.ready(3)


def interrupted(run: Run) -> None:
    """A worker is interrupted, another takes its place; then the server is told to be quick."""
    run.ready(1)
    run.ask(Request())
    os.kill(run.server.worker_pid(), signal.SIGINT)
    run.left(1)
    run.ready(2)
    run.ask(Request())
    run.server.send(signal.SIGINT)
    run.server.wait()


def recycled(run: Run) -> None:
    """The second request is a worker's last."""
    run.ready(1)
    run.ask(Request(), Request())
    run.left(1)
    run.ready(2)
    run.ask(Request())


def only_started(run: Run) -> None:
    """As many workers as the configuration says."""
    run.ready(multiprocessing.cpu_count() * 2 + 1)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


@dataclass(frozen=True)
class Case:
    """One configuration, and how its server lives."""

    config: str
    life: Callable[[Run], None] = a_life
    app: str = "config_site:app"
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""


CASES = {
    "Django on Heroku": Case(
        "heroku_django", app="django_site:application",
        environment={"PORT": "0", "WEB_CONCURRENCY": "1", "LOG_LEVEL": "info"}
    ),
    "large site": Case("large_site", environment={"SITE_WEB_WORKERS": ""}),
    "prometheus": Case(
        "prometheus", app="", environment={"PROMETHEUS_MULTIPROC_DIR": "."},
        needs="prometheus_client",
    ),
    "OpenTelemetry": Case("opentelemetry", needs="opentelemetry.sdk"),
    "logger class": Case("custom_logger"),
    "logger class without gunicorn's": Case("plain_logger"),
    "nginx buildpack": Case("heroku_nginx"),
    "statsd": Case("statsd"),
    "JSON logs": Case("json_logs"),
    "preload": Case("preload_reconnect", app="database_site:app"),
    "preload and gevent": Case("preload_gevent", app="database_site:app", needs="gevent"),
    "as many workers as cores": Case("cpu_count", only_started),
    "max_requests": Case("cpu_count", recycled, environment={"WORKERS": "1", "MAX_REQUESTS": "2"}),
    "timing": Case("timing"),
    "all hooks": Case("thread_dump"),
    "thread dump": Case("thread_dump", interrupted),
    "behind a proxy": Case("proxied"),
    "unix socket": Case("unix_socket"),
}  # fmt: skip


def watch(serve: Serve, case: Case, program: tuple[str, ...]) -> Seen:
    """One life of one server."""
    seen = Seen()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lc")))
        statsd = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        statsd.bind(("127.0.0.1", 0))
        observed.prepare(case.config, folder)
        environment = {
            "PYTHONPATH": f"{observed.APPS}:{APPS}",
            "GUNICORN_CMD_ARGS": "--no-control-socket",
            "STATSD_HOST": f"127.0.0.1:{statsd.getsockname()[1]}",
        } | dict(case.environment)
        filed = case.config == "unix_socket"
        log = stack.enter_context(observed.log_file(folder / "error.log")) if filed else None
        server = serve(
            case.app, bind=(), cwd=folder, environment=environment, program=program,
            tracebacks=True,
        )  # fmt: skip
        molds = program == LICORNE and case.config.startswith("preload")
        run = Run(server, log or server.log, folder, seen, molds)
        case.life(run)
        seen.code = server.stop()
        seen.left = files(folder)
        lines = (folder / "error.log").read_text().splitlines() if filed else server.log.rest()
        access = (folder / "access.log").read_text().splitlines() if filed else server.output.rest()
    observed.by_process(seen, server, lines)
    pids = observed.booted(lines)
    seen.access = [observed.plain(line, pids) for line in access]
    seen.files, seen.left = (
        sorted(observed.plain(name, pids) for name in names) for names in (seen.files, seen.left)
    )
    return without_differences(case.config, seen)


class Allowed(Enum):
    """What is done to lines before they are compared."""

    DROPPED = auto()
    #: To the end of what their process said.
    MOVED = auto()
    #: Only the text that matches is taken out.
    CUT = auto()


@dataclass(frozen=True)
class Difference:
    """A row of the document, and the lines that it is about."""

    row: str
    lines: str
    how: Allowed = Allowed.DROPPED
    #: The only configuration that it is about.
    config: str = ""


DELIBERATE = (
    Difference("HEAD", "no-body response .method=HEAD"),
    Difference("`nworkers_changed`", r"^hook nworkers_changed (\d+) \1 in|from 1 to 1 workers$"),
    Difference("a reload", "Reload complete"),
    Difference("a gunicorn installed beside", "`import gunicorn` means"),
    Difference("requests that fail", "Error handling|^Traceback|^LookupError", how=Allowed.MOVED),
    Difference("requests that fail", r"\b500 0\b", config="custom_logger"),
    Difference("requests that fail", r'"status": 500', config="json_logs"),
    Difference("requests that fail", r"end /fail|status=500", config="timing"),
    Difference("requests that fail", r"answered /fail|\b500 0\b", config="preload_gevent"),
    Difference("`max_requests`, `--reload`", "to be replaced: max_requests"),
    Difference("`max_requests`, `--reload`", "Autorestarting worker", how=Allowed.MOVED),
    Difference(
        "`max_requests`, `--reload`",
        "^hook child_exit in <master>",
        how=Allowed.MOVED,
        config="cpu_count",
    ),
    *(
        Difference(
            "`--preload`",
            # Of a mold: its own, and those that it is told of.
            r"^hook pre_fork|^hook nworkers_changed \d+ \d+ in \d|^hook child_exit|^app in"
            "|Preloading the application",
            config=name,
        )
        for name in ("preload_reconnect", "preload_gevent")
    ),
    Difference("`%(h)s` of clients on a unix socket", "^-(?= - - )", how=Allowed.CUT),
)


def without_differences(config: str, seen: Seen) -> Seen:
    """What must be the same."""
    about = [each for each in DELIBERATE if each.config in {"", config}]
    dropped, moved, cut = (
        re.compile("|".join(f"(?:{each.lines})" for each in about if each.how is how))
        for how in Allowed
    )

    def agreed(lines: list[str]) -> list[str]:
        kept = [cut.sub("", line) for line in lines if not dropped.search(line)]
        return sorted(kept, key=lambda line: moved.search(line) is not None)

    seen.master, seen.access = agreed(seen.master), agreed(seen.access)
    # A process of which nothing is left, as the mold's.
    seen.workers = sorted(filter(None, map(agreed, seen.workers)))
    return seen


def test_every_difference_is_documented() -> None:
    table = known.DOCUMENT.read_text(encoding="utf-8").partition("\n### Settings\n")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    assert [each.row for each in DELIBERATE if each.row not in rows] == []


@pytest.mark.parametrize("name", list(CASES))
def test_the_same_to_see(serve: Serve, name: str) -> None:
    case = CASES[name]
    if case.needs:
        pytest.importorskip(case.needs)
    theirs, ours = watch(serve, case, GUNICORN), watch(serve, case, LICORNE)
    assert ours == theirs


def test_only_a_process_is_named_one() -> None:
    line = 'GET / 500 71 pid=<500> [71] "71"'
    assert observed.plain(line, frozenset({500}), 71) == (
        'GET / 500 71 pid=<<worker>> [<master>] "71"'
    )
