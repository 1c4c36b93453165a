"""Who is there: each child with its state, and what the master has set out to do.

Values only. A state's line says what it means; `plan` holds every transition.
"""

from __future__ import annotations

from enum import Enum

from licorne.supervisor.record import Record


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


class Child(Record):
    """One worker process."""

    pid: int
    #: Order of birth: the oldest has the lowest.
    age: int
    generation: int
    state: State
    #: When it came into this state.
    since: float
    #: When it is killed if it is still there; None while nobody waits for it.
    deadline: float | None = None
    #: The one SIGKILL was sent.
    killed: bool = False


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
    #: How the server will end, once it stops.
    status: int = 0
    reason: str = ""

    def child(self, pid: int) -> Child | None:
        """The child with this process id."""
        return next((each for each in self.children if each.pid == pid), None)

    def active(self) -> list[Child]:
        """Children that serve or will, oldest first."""
        states = (State.BOOTING, State.SERVING)
        return sorted((c for c in self.children if c.state in states), key=lambda c: c.age)


def begin(policy: Policy) -> Roster:
    """The roster of a server that has no worker yet."""
    return Roster(policy=policy, target=policy.workers)
