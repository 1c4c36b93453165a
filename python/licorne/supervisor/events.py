"""What the master can learn. One record for each kind of fact; the planner knows nothing else."""

from __future__ import annotations

from licorne.supervisor.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.supervisor.roster import Policy


class Sighting(Record):
    """A worker as the scoreboard shows it."""

    pid: int
    ready: bool
    silent_for: float
    #: Why it asks to be replaced (`causes`); empty while it does not.
    retire: str = ""


class Event(Record):
    """Base of all events."""


class Tick(Event):
    """Time has passed; this is how the workers look."""

    sightings: tuple[Sighting, ...] = ()


class Signalled(Event):
    """The master got a signal, named without SIG."""

    name: str


class Spawned(Event):
    """A worker was forked."""

    pid: int


class SpawnFailed(Event):
    """A worker could not be forked."""

    reason: str


class ChildExited(Event):
    """A worker was reaped: with a code, or by a signal (named with SIG)."""

    pid: int
    code: int = 0
    signal: str = ""
    #: It had finished a request; then it was ready, too.
    answered: bool = False
    #: It had loaded the application, whether or not it was seen so.
    ready: bool = False


class AbortSent(Event):
    """A worker was sent ABRT, as the planner had asked for."""

    pid: int


class Retire(Event):
    """A worker that serves is to be replaced by a new one, for this reason."""

    pid: int
    cause: str


class Reconfigured(Event):
    """The configuration was read again: a new generation begins."""

    policy: Policy


class Renewing(Event):
    """The configuration was read again, and a new mold is to load the application with it."""


class MoldEnded(Event):
    """A mold that was needed is gone, or (with a reason) could not be forked."""

    pid: int
    #: It was to take the place of the present one.
    coming: bool
    #: Workers that it was asked for.
    asked: int = 0
    code: int = 0
    signal: str = ""
    reason: str = ""


class ReloadRefused(Event):
    """The configuration could not be read again; the present one stays."""

    reason: str


class Upgraded(Event):
    """A new master was executed (USR2)."""

    pid: int


class Promoted(Event):
    """The master that executed this one is gone."""


class Resized(Event):
    """Another number of workers is wanted."""

    target: int


class StopAsked(Event):
    """The server must end, with this status and reason."""

    graceful: bool
    status: int = 0
    reason: str = ""
