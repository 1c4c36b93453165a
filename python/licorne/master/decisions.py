"""The one queue of events: the planner decides about them one after the other.

An event that comes up while another one is performed (a worker was forked, the configuration was
read again) is decided when that is done, so no decision is made inside of another.
"""

from __future__ import annotations

import time
from collections import deque

from licorne.supervisor import events
from licorne.supervisor.plan import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.supervisor.actions import Action
    from licorne.supervisor.roster import Roster


class Decisions:
    """What the master knows of its workers, and the events that are still to be decided."""

    def __init__(
        self,
        roster: Roster,
        perform: Callable[[Action], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.roster = roster
        self._perform = perform
        self._clock = clock
        self._queue: deque[events.Event] = deque()
        #: The run that performs actions now; None outside of one.
        self._run: object = None

    @property
    def target(self) -> int:
        """The wanted number of workers, once all that waits is decided."""
        asked = [each.target for each in self._queue if isinstance(each, events.Resized)]
        return asked[-1] if asked else self.roster.target

    def add(self, event: events.Event) -> None:
        """Have an event decided in the next run."""
        self._queue.append(event)

    def decide(self, event: events.Event) -> None:
        """Have an event decided now, or as soon as the present one is performed."""
        self.add(event)
        self.run()

    def run(self) -> None:
        """Decide about all that waits, in the order in which it came."""
        if self._run is not None:
            return
        run = self._run = object()
        try:
            while self._queue and self._run is run:
                outcome = plan(self.roster, self._queue.popleft(), self._clock())
                self.roster = outcome.roster
                for action in outcome.actions:
                    self._perform(action)
                    if self._run is not run:
                        return
        finally:
            if self._run is run:
                self._run = None

    def leave(self) -> None:
        """In a process that was forked: the events that wait are the master's."""
        self._queue.clear()
        self._run = None

    def give_up(self) -> None:
        """The server stops from inside of an action: what else was to be performed is given up."""
        self._run = None
