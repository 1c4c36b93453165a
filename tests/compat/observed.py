"""What can be seen of a server from outside while it lives with a user's configuration.

The configuration file is taken as it is; behind it, each hook is wrapped to say its name and
process when it has run. Lines are sorted by process, because the order between processes is
not promised, and what no two runs have in common (times, process ids, ports) is replaced.
"""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.client import Client
from e2e.server import LISTENING, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from e2e.server import Server

CONFIGS = Path(__file__).with_name("configs")
APPS = Path(__file__).with_name("apps")
#: The real one. (With -m, the directory of the tests would not come first on the path.)
GUNICORN = ("-c", "import gunicorn.app.wsgiapp as w; w.run()")
LICORNE = ("-m", "licorne")

HOOKS = {
    "on_starting": "server", "when_ready": "server", "on_reload": "server", "on_exit": "server",
    "pre_fork": "server, worker", "post_fork": "server, worker", "child_exit": "server, worker",
    "worker_exit": "server, worker", "nworkers_changed": "server, new, old",
    "post_worker_init": "worker", "worker_int": "worker", "worker_abort": "worker",
    "pre_request": "worker, req", "post_request": "worker, req, environ, resp",
}  # fmt: skip

#: Goes behind the configuration: what a wrapped hook takes is what the hook takes.
RECORDER = f"""

def _recorded(name, hook):
    import functools, os

    @functools.wraps(hook)
    def recorded(*given):
        numbers = [str(each) for each in given if each is None or isinstance(each, int)]
        words = " ".join([name, *numbers])
        try:
            return hook(*given)
        finally:
            os.write(2, f"hook {{words}} in {{os.getpid()}}\\n".encode())

    return recorded


for _name, _arguments in {HOOKS!r}.items():
    _hook = globals().get(_name) or eval(f"lambda {{_arguments}}: None")
    globals()[_name] = _recorded(_name, _hook)
"""


@dataclass(frozen=True)
class Request:
    """One request of a client that reads one answer and goes."""

    path: str = "/"
    method: str = "GET"
    fields: tuple[str, ...] = ()
    body: bytes = b""
    version: str = "1.1"


@dataclass
class Seen:
    """All that is compared."""

    answers: list[object] = field(default_factory=list)
    code: int | None = None
    #: The lines of the log and the hooks, by process: the master's, and each worker's.
    master: list[str] = field(default_factory=list)
    workers: list[list[str]] = field(default_factory=list)
    #: Lines that name no process, from before the log was there.
    before: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    #: Files in the site's directory: while it served, and after.
    files: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def prepare(config: str, folder: Path) -> None:
    """Put a configuration where servers look for one."""
    text = (CONFIGS / f"{config}.py").read_text(encoding="utf-8")
    (folder / "gunicorn.conf.py").write_text(text + RECORDER, encoding="utf-8")


@contextmanager
def log_file(path: Path) -> Iterator[Lines]:
    """The lines of a file, as they come."""
    path.touch()
    tail = subprocess.Popen(["tail", "-n", "+1", "-f", str(path)], stdout=subprocess.PIPE)
    assert tail.stdout is not None
    lines = Lines(tail.stdout)
    try:
        yield lines
    finally:
        tail.terminate()
        tail.wait()
        lines.rest()


def ask(log: Lines, folder: Path, request: Request) -> object:
    """The answer, as far as it must be the same."""
    at = log.wait_for(LISTENING.pattern + "|Listening at: unix:([^ ]+)")
    where = at.group(2)
    connection = Client.unix(str(folder / where)) if where else Client.tcp(int(at.group(1)))
    with connection as client:
        client.request(
            request.method, request.path, "Connection: close", *request.fields,
            body=request.body, version=request.version,
        )  # fmt: skip
        answer = client.response(request.method)
        assert client.is_closed()
    fields = [
        f"{name}: {value.decode('latin-1') if name != 'Date' else '...'}"
        for name, value in answer.fields
        # The row "error pages": only ours are dated.
        if (name, answer.status) != ("Date", 500)
    ]
    return (
        answer.status, answer.reason, sorted(plain(each) for each in fields),
        answer.body.decode("latin-1"),
    )  # fmt: skip


def by_process(seen: Seen, server: Server, lines: Sequence[str]) -> None:
    """Sort lines by their process; a line that names none belongs to the one before."""
    workers: dict[int, list[str]] = {}
    target = seen.before
    pids = booted(lines)
    for line in lines:
        # The frames of a traceback are the server's own business.
        if line.startswith("  "):
            continue
        writer = WRITER.search(line)
        if writer is not None:
            pid = int(writer.group(1))
            target = seen.master if pid == server.pid else workers.setdefault(pid, [])
        target.append(plain(line, pids, server.pid))
    seen.workers = list(workers.values())


def booted(lines: Sequence[str]) -> frozenset[int]:
    """The process ids of the workers."""
    found = (re.search(r"Booting worker with pid: (\d+)", line) for line in lines)
    return frozenset(int(each.group(1)) for each in found if each is not None)


WRITER = re.compile(r'^(?:\[[^]]*\] \[|hook [\w ]+ in |app in |\S+ site\[|.*"process": )(\d+)')
#: What differs between any two runs, and the names of the two servers.
UNIMPORTANT = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[+-]\d{4})?"), "<time>"),
    (re.compile(r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"\b(s|ms|us|dec)=[\d.]+"), r"\1=<duration>"),
    (re.compile(r"Starting (?:gunicorn|licorne) [\w.]+"), "Starting gunicorn"),
    (re.compile("licorne"), "gunicorn"),
)

#: A process, wherever these programs and the configurations name one: in all other places a number
#: that is some process's by chance is a status or a length.
PROCESS = re.compile(
    r"(?P<before>\bin |[\[(]|\bpid: |\bpid=<|\"process\": |\b(?:counter|gauge)_(?:[a-z]+_)?)"
    r"(?P<number>\d+)\b"
)


def plain(line: str, workers: frozenset[int] = frozenset(), master: int = 0) -> str:
    """A line without what differs between any two runs."""
    for pattern, word in UNIMPORTANT:
        line = pattern.sub(word, line)

    def named(found: re.Match[str]) -> str:
        number = int(found["number"])
        process = "<worker>" if number in workers else "<master>" if number == master else number
        return f"{found['before']}{process}"

    return PROCESS.sub(named, line)
