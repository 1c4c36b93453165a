"""The roster: each child with its state, and what the master has set out to do.

Values only. A state's line says what it means; `plan` holds every transition.
"""

from __future__ import annotations

import math
from enum import Enum

from licorne.supervisor.record import Record, replace
from licorne.supervisor.tables import FIRST_PATIENCE


class State(Enum):
    """The life of a worker."""

    #: Forked; its application is being loaded.
    BOOTING = "booting"
    #: Has said that it is ready.
    SERVING = "serving"
    #: Told to stop; finishes what it has begun.
    RETIRING = "retiring"
    #: Gave no sign of life for too long; told to abort.
    STUCK = "stuck"


class Phase(Enum):
    """The life of the server."""

    #: Keeps the wanted number of workers.
    RUNNING = "running"
    #: Was told to stop, and serves on for drain_delay while readiness says no.
    LAME = "lame"
    #: Waits for workers that finish their requests.
    STOPPING = "stopping"
    #: Waits for workers that leave at once.
    QUITTING = "quitting"
    #: No worker is left and the end was announced.
    STOPPED = "stopped"


class Policy(Record):
    """The settings that decisions depend on."""

    workers: int
    timeout: float
    graceful_timeout: float
    daemon: bool = False
    #: Processes above the wanted number while workers are replaced; None: a whole generation.
    surge: int | None = 1
    #: Seconds that loading the application may take; 0 for no limit.
    boot_timeout: float = 0.0
    #: Seconds between a TERM and the stop.
    drain_delay: float = 0.0
    #: Seconds after which a worker is replaced; 0 for never.
    worker_max_age: float = 0.0
    #: New code is loaded by a new mold.
    preload: bool = False


class Child(Record):
    """One worker process."""

    pid: int
    #: Order of birth: the oldest has the lowest.
    age: int
    generation: int
    state: State
    #: When it came into this state.
    since: float
    #: When it is killed if it is still there; None while it may stay.
    deadline: float | None = None
    #: The one SIGKILL was sent.
    killed: bool = False
    #: It has been ready once.
    served: bool = False
    #: Why it is to be replaced; empty while it is not.
    leaving: str = ""
    #: Seconds of booting after which the next line says that it still does.
    patience: float = FIRST_PATIENCE

    def due_by(self, deadline: float) -> Child:
        """This child, which is killed at that time, if it has no earlier deadline."""
        return replace(self, deadline=min(self.deadline or deadline, deadline))


class Ending(Record):
    """A worker that has gone, and why; for `licornectl status`."""

    pid: int
    cause: str
    at: float


class Reloading(Enum):
    """What became of the last reload."""

    #: There was none.
    NONE = "none"
    #: Workers are being replaced.
    UNDER_WAY = "under way"
    #: Every worker is of the newest generation.
    COMPLETE = "complete"
    #: The configuration was refused.
    REFUSED = "refused"
    #: New workers fail to boot; the old ones serve.
    FAILING = "failing"


class Renewal(Enum):
    """Why a new mold is wanted, where the application is preloaded by one."""

    #: The present one will do.
    NONE = "none"
    #: For new settings, the number of workers among them.
    SETTINGS = "settings"
    #: For new code.
    CODE = "code"


class Roster(Record):
    """All that the planner remembers from one event to the next."""

    policy: Policy
    target: int
    children: tuple[Child, ...] = ()
    phase: Phase = Phase.RUNNING
    generation: int = 1
    #: Forks asked for and not yet answered.
    starting: int = 0
    #: Age of the next child.
    next_age: int = 1
    #: A worker of any generation has been ready: the application can be loaded.
    proven: bool = False
    #: Failures to boot in a row.
    failures: int = 0
    #: No fork before this time.
    spawn_after: float = 0.0
    #: When a young worker that had answered requests last crashed; None once another has lived on.
    crashed_at: float | None = None
    #: When the master last looked at the workers.
    looked_at: float = -math.inf
    #: No worker counts as silent before; later than now after the master itself stood still, or
    #: slept.
    fair_from: float = -math.inf
    #: When the first worker counts as silent, if none shows a sign of life any more.
    silent_at: float = math.inf
    #: How the server will end, once it stops.
    status: int = 0
    reason: str = ""
    #: When a lame server stops.
    stop_at: float = 0.0
    #: Process id of a new master that was executed by this one (USR2), and of one that executed it.
    upgrade: int = 0
    parent: int = 0
    #: The last reload: what became of it, when it began, and what went wrong.
    reload: Reloading = Reloading.NONE
    reload_at: float = 0.0
    reload_reason: str = ""
    #: Why a new mold is wanted, when the next attempt begins (None while one is under way or none
    #: is wanted), and how many in a row have failed.
    renewal: Renewal = Renewal.NONE
    renew_at: float | None = None
    renew_failures: int = 0
    #: The last workers that have gone, newest last, and how many went for each cause.
    endings: tuple[Ending, ...] = ()
    restarts: tuple[tuple[str, int], ...] = ()

    def child(self, pid: int) -> Child | None:
        """The child with this process id."""
        return next((each for each in self.children if each.pid == pid), None)

    def with_child(self, child: Child) -> Roster:
        """The roster with this in place of the child that had its process id."""
        children = tuple(child if each.pid == child.pid else each for each in self.children)
        return replace(self, children=children)

    def active(self) -> list[Child]:
        """Children that serve or will, oldest first."""
        states = (State.BOOTING, State.SERVING)
        return sorted((c for c in self.children if c.state in states), key=lambda c: c.age)

    def outdated(self, child: Child) -> bool:
        """Another one is to take its place: it is of an older generation, or marked to leave."""
        return child.generation < self.generation or bool(child.leaving)

    @property
    def surge(self) -> int:
        """Processes above the wanted number while workers are replaced."""
        return max(1, self.target) if self.policy.surge is None else self.policy.surge

    @property
    def keeps(self) -> bool:
        """The number of workers is kept."""
        return self.phase in {Phase.RUNNING, Phase.LAME}


def begin(policy: Policy, parent: int = 0) -> Roster:
    """The roster of a server that has no worker yet."""
    return Roster(policy=policy, target=policy.workers, parent=parent)
