"""What the rooms around the master may ask of it; the arbiter is what they get.

For type checkers only: nothing imports this file while a server runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence
    from types import FrameType
    from typing import NoReturn

    from licorne._engine import TlsCertificate
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.master.stacks import Stacks
    from licorne.sock import BaseSocket
    from licorne.supervisor.events import Event, Reconfigured
    from licorne.supervisor.roster import Roster
    from licorne.workers.application import Application
    from licorne.workers.base import Worker
    from licorne.workers.slots import Slots


class Loop(Protocol):
    """The master as clients of its own see it (`master.clients`): a log, and a loop that waits."""

    log: Logger

    def watch(self, fd: int, react: Callable[[int], None], mask: int = ...) -> None:
        """Have `react` called with the poll events of a descriptor."""

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor, before it is closed."""


class Master(Loop, Protocol):
    """For `ctl` and `metrics`: what the server is and does, and a few orders."""

    cfg: Config
    pid: int
    proc_name: str
    stacks: Stacks
    worker_age: int
    roster: Roster
    WORKERS: dict[int, Worker]
    LISTENERS: list[BaseSocket]

    @property
    def app(self) -> Application:
        """The application that is served."""

    def certificates(self) -> list[tuple[str, TlsCertificate]]:
        """The certificates that are served, by the first name of each."""

    @property
    def product(self) -> str:
        """The name that the server was started by."""

    @property
    def slots(self) -> Slots:
        """The slots of the scoreboard."""

    @property
    def num_workers(self) -> int:
        """The wanted number of workers."""

    @property
    def reexec_pid(self) -> int:
        """The new master that this one has executed; 0 for none."""

    def sockets(self) -> list[BaseSocket]:
        """Every listening socket of the server that the master holds."""

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a signal to a worker."""

    def signal(self, sig: int, _frame: FrameType | None) -> None:
        """Have the loop do what a signal to the master does."""

    def ask(self, event: Event) -> None:
        """Have the loop decide about an event, outside of what is being done now."""


class Parent(Master, Protocol):
    """For `preload`: a master whose workers come from molds, and its copy in a mold."""

    SIGNALS: list[signal.Signals]

    def decide(self, event: Event) -> None:
        """Have an event decided by the planner."""

    def reconfigured(self) -> Reconfigured:
        """What the planner is told when the next workers are to be of a new generation."""

    def let_go(self, kept: Sequence[BaseSocket] = ()) -> None:
        """In a process that is not the master: close the master's copies of what is its own."""

    def mark_leaving(self) -> None:
        """Show hooks in `WORKERS` which workers stay."""

    def make_worker(self, age: int, socket_set: int, sockets: list[BaseSocket]) -> Worker:
        """A worker that is not forked yet."""

    def spawned(self, worker: Worker, pid: int) -> None:
        """A worker is there, as a child of this process."""

    def abandon(self, worker: Worker) -> None:
        """Forget a worker that was never forked."""

    def live(self, worker: Worker) -> NoReturn:
        """In the new process: be the worker."""
