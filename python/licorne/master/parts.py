"""What the master consists of, each part of a file of its own; `arbiter` puts them together."""

from __future__ import annotations

from licorne.master.gauges import Gauges
from licorne.master.listeners import Listeners
from licorne.master.loop import Loop
from licorne.master.memory import MemoryMonitor
from licorne.master.overdue import OverdueReporter
from licorne.master.stacks import Stacks
from licorne.systemd import SystemdNotifier
from licorne.tls.keeper import Keeper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from licorne.glogging import Logger
    from licorne.glogging.lending import Lender
    from licorne.master.endpoints import Endpoints
    from licorne.preload.bridge import Bridge
    from licorne.sock import BaseSocket


class Parts:
    """The parts of one master."""

    def __init__(self, log: Logger, endpoints: Endpoints) -> None:
        self.loop = Loop()
        self.listeners = Listeners(log)
        self.endpoints = endpoints
        self.stacks = Stacks(self.loop.watch, self.loop.unwatch)
        self.overdue = OverdueReporter(log, self.stacks)
        self.notifier = SystemdNotifier(log)
        self.certificates = Keeper(log)
        self.memory = MemoryMonitor(None)
        self.gauges = Gauges()
        #: Gives log files to workers of another user; None where all open them by themselves.
        self.lender: Lender | None = None
        #: Has workers forked by molds; None where the master forks them.
        self.preload: Bridge | None = None

    def leave(self, kept: Sequence[BaseSocket]) -> None:
        """In a process that is not the master: close its copies of what is the master's own."""
        self.loop.leave()
        if self.lender is not None:
            self.lender.leave()
        self.listeners.leave(kept)
        self.endpoints.leave()
        self.stacks.leave()
