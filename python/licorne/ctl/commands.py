"""The commands, one row each: words, arguments, help, function. gunicornc's words are among them.

A command that changes the server leaves an event or a signal for the master's loop, and answers at
once; what came of it is seen in `status` and in the log.
"""

from __future__ import annotations

import shlex
import signal

from licorne.ctl import views
from licorne.ctl.answer import Refused
from licorne.ctl.stack import stack
from licorne.supervisor import causes, events
from licorne.supervisor.record import Record
from licorne.supervisor.roster import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.ctl.answer import Answer
    from licorne.ctl.protocol import Json, Request
    from licorne.master.face import Master

    Run = Callable[[Master, list[str]], Answer]

#: A number of workers above this is a slip of the hand.
MOST_WORKERS = 1000


class Command(Record):
    """One command: how it is written, what it says of itself, what it does."""

    words: str
    #: Names of the arguments; those in brackets may be left out.
    arguments: str
    help: str
    run: Run

    @property
    def usage(self) -> str:
        """The command with its arguments."""
        return f"{self.words} {self.arguments}".rstrip()


def carry_out(master: Master, request: Request) -> Answer:
    """Do what a request asks; `Refused` says why not."""
    try:
        words = [*shlex.split(request.command), *request.args]
    except ValueError as error:
        raise Refused(f"{request.command!r} cannot be read: {error}") from None
    command, arguments = find(words)
    return command.run(master, arguments)


def find(words: list[str]) -> tuple[Command, list[str]]:
    """The command that the words begin with, and its arguments."""
    for count in (2, 1):
        name = " ".join(words[:count]).lower()
        command = BY_WORDS.get(name)
        if command is not None and len(words) >= count:
            return command, _checked(command, words[count:])
    said = " ".join(words[:2])
    near = [each.usage for each in COMMANDS if words and each.words.split()[0] == words[0].lower()]
    hint = "; ".join(near) if near else "help lists them"
    raise Refused(f"there is no command {said!r} ({hint})")


def _checked(command: Command, arguments: list[str]) -> list[str]:
    names = command.arguments.split()
    needed = sum(not name.startswith("[") for name in names)
    if not needed <= len(arguments) <= len(names):
        raise Refused(f"write: {command.usage}")
    return arguments


def _number(arguments: list[str], what: str) -> int:
    """The first argument as a positive number; 1 without one."""
    text = arguments[0] if arguments else "1"
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 2**31):
        raise Refused(f"{text!r} is not {what}: give a whole number, 1 or more")
    return int(text)


def _workers(master: Master, arguments: list[str]) -> Answer:
    if arguments not in ([], ["brief"]):
        raise Refused(f"{arguments[0]!r} is not known here: write workers [brief]")
    return views.workers(master, brief=bool(arguments))


def _add(master: Master, arguments: list[str]) -> Answer:
    count = _number(arguments, "a number of workers")
    before = master.num_workers
    if before + count > MOST_WORKERS:
        raise Refused(f"{before} + {count} workers are more than {MOST_WORKERS}")
    master.ask(events.Resized(before + count))
    return {"added": count, "previous": before, "total": before + count}


def _remove(master: Master, arguments: list[str]) -> Answer:
    before = master.num_workers
    # gunicorn's floor: one worker stays.
    after = max(min(1, before), before - _number(arguments, "a number of workers"))
    master.ask(events.Resized(after))
    return {"removed": before - after, "previous": before, "total": after}


def _worker_pid(master: Master, arguments: list[str]) -> int:
    pid = _number(arguments, "a process id")
    if pid not in master.WORKERS:
        known = ", ".join(map(str, sorted(master.WORKERS))) or "none"
        raise Refused(f"process {pid} is no worker of this server (its workers: {known})")
    return pid


def _kill(master: Master, arguments: list[str]) -> Answer:
    pid = _worker_pid(master, arguments)
    master.kill_worker(pid, signal.SIGTERM)
    return {"success": True, "killed": pid}


def _retire(master: Master, arguments: list[str]) -> Answer:
    pid = _worker_pid(master, arguments)
    child = master.roster.child(pid)
    if child is None or child.state is not State.SERVING:
        state = "has ended" if child is None else f"is {child.state.value}"
        raise Refused(f"worker {pid} {state}: only one that serves can be replaced")
    master.ask(events.Retire(pid, causes.ASKED))
    return {"success": True, "retired": pid}


def _signal(number: signal.Signals, reply: dict[str, Json]) -> Run:
    """A command that does what a signal to the master does."""

    def run(master: Master, _arguments: list[str]) -> Answer:
        master.signal(number, None)
        return reply

    return run


def _shutdown(master: Master, arguments: list[str]) -> Answer:
    mode = arguments[0].lower() if arguments else "graceful"
    signals = {"graceful": signal.SIGTERM, "quick": signal.SIGINT}
    if mode not in signals:
        raise Refused(f"{mode!r} is no way to stop: give graceful or quick")
    master.signal(signals[mode], None)
    return {"status": "shutting_down", "mode": mode}


def _no_dirty(_master: Master, _arguments: list[str]) -> Answer:
    raise Refused("dirty workers are not available yet in this version of licorne")


def _help(_master: Master, _arguments: list[str]) -> Answer:
    return {"commands": {each.usage: each.help for each in COMMANDS}}


def _view(read: Callable[[Master], dict[str, Json]]) -> Run:
    """A command that shows something and takes no argument."""

    def run(master: Master, _arguments: list[str]) -> Answer:
        return read(master)

    return run


def _show_dirty(_master: Master, _arguments: list[str]) -> Answer:
    return {"enabled": False, "pid": None, "workers": [], "apps": []}


COMMANDS = (
    Command("status", "", "The server in one look", _view(views.status)),
    Command("workers", "[brief]", "Every worker, with the requests it has in hand", _workers),
    Command("listeners", "", "Where the server listens", _view(views.listeners)),
    Command("config", "", "Every setting, and where its value came from", _view(views.config)),
    Command("stack", "PID|ID", "The Python stack of a worker, or of a request in hand", stack),
    Command(
        "reload", "", "Read configuration and code again (HUP)",
        _signal(signal.SIGHUP, {"status": "reloading"}),
    ),
    Command(
        "reopen", "", "Open the log files anew (USR1)",
        _signal(signal.SIGUSR1, {"status": "reopening"}),
    ),
    Command("worker add", "[N]", "More workers (default 1)", _add),
    Command("worker remove", "[N]", "Fewer workers (default 1)", _remove),
    Command("worker kill", "PID", "End a worker gracefully; another takes its place", _kill),
    Command("worker retire", "PID", "Replace a worker: its successor is ready first", _retire),
    Command("shutdown", "[graceful|quick]", "End the server (TERM or INT)", _shutdown),
    Command("show all", "", "All processes, in gunicorn's form", _view(views.everything)),
    Command("show workers", "", "The same as workers", _workers),
    Command("show dirty", "", "Dirty workers (not available yet)", _show_dirty),
    Command("show config", "", "Every setting, its value only", _view(views.config_values)),
    Command("show stats", "", "Counters, in gunicorn's form", _view(views.stats)),
    Command("show listeners", "", "The same as listeners", _view(views.listeners)),
    Command("dirty add", "[N]", "Not available yet", _no_dirty),
    Command("dirty remove", "[N]", "Not available yet", _no_dirty),
    Command("help", "", "This list", _help),
)  # fmt: skip

BY_WORDS = {each.words: each for each in COMMANDS}
