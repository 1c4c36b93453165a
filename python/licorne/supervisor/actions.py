"""What the planner can ask for. The arbiter performs them, in order."""

from __future__ import annotations

from licorne.supervisor.record import Record


class Action(Record):
    """Base of all actions."""


class Spawn(Action):
    """Fork this many workers; each answers with `Spawned` or `SpawnFailed`."""

    count: int


class Signal(Action):
    """Send a signal, named without SIG, to a worker."""

    pid: int
    name: str


class Log(Action):
    """Write a line to the error log."""

    level: str
    message: str
    args: tuple[object, ...] = ()


class Remove(Action):
    """Forget a worker that has ended: tell what it lost, run the hooks."""

    pid: int
    hooks: bool = True


class NumberChanged(Action):
    """The wanted number of workers is another."""

    new: int
    old: int


class Reload(Action):
    """Read the configuration again; on success the answer is `Reconfigured`."""


class Renew(Action):
    """Begin to load the application in a new mold; `Reconfigured` follows when it is loaded."""


class Reopen(Action):
    """Open the log files anew."""


class Upgrade(Action):
    """Execute the program anew with the same sockets (USR2); the answer is `Upgraded`."""


class CloseListeners(Action):
    """Accept nothing more. The files of unix sockets stay if another master uses them."""

    unlink: bool = True


class Exit(Action):
    """All workers are gone: end the server."""

    status: int
    reason: str
