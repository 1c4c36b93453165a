"""Looking at the workers: what the scoreboard shows, what they weigh, how many there are."""

from __future__ import annotations

import time

from licorne.master import losses, reaping
from licorne.supervisor import causes, events
from licorne.supervisor.roster import Phase, Renewal, State
from licorne.systemd import WorkerCounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.arbiter import Arbiter
    from licorne.supervisor.roster import Roster


def look(arbiter: Arbiter) -> None:
    """Tell the planner how the workers are, and the log how many they are."""
    _look_at_memory(arbiter)
    arbiter.decide(events.Tick(_sightings(arbiter)))
    arbiter.parts.gauges.tell(arbiter.log, len(arbiter.WORKERS))
    if arbiter.cfg.enable_backlog_metric:
        arbiter.parts.gauges.tell_backlog(arbiter.log, arbiter.sockets())


def _look_at_memory(arbiter: Arbiter) -> None:
    monitor = arbiter.parts.memory
    for pid in monitor.look(arbiter.WORKERS, time.monotonic()):
        child = arbiter.roster.child(pid)
        # One that still boots is judged when it serves, one that is to go anyway not at all.
        if child is None or child.state is not State.SERVING or arbiter.roster.outdated(child):
            continue
        losses.tell_limit(arbiter.log, pid, monitor, reaping.in_hand(arbiter, pid))
        arbiter.decide(events.Retire(pid, causes.MEMORY))


def _sightings(arbiter: Arbiter) -> tuple[events.Sighting, ...]:
    seen = ((pid, arbiter.slots.read(worker)) for pid, worker in arbiter.WORKERS.items())
    return tuple(
        events.Sighting(pid, one.ready, one.beat_age, causes.BY_CODE.get(one.retire, ""))
        for pid, one in seen
    )


def worker_counts(roster: Roster) -> WorkerCounts:
    """The workers in numbers, for systemd."""
    serving = [each for each in roster.children if each.state is State.SERVING]
    newest = sum(each.generation == roster.generation for each in serving)
    if roster.renewal is not Renewal.NONE:
        # The next generation is still in its mold.
        newest = 0
    booting = sum(each.state is State.BOOTING for each in roster.children)
    return WorkerCounts(
        wanted=roster.target,
        serving=newest,
        older=len(serving) - newest,
        booting=booting,
        leaving=len(roster.children) - len(serving) - booting,
        # With another master in its place the service goes on.
        stopping=roster.phase is not Phase.RUNNING and not roster.upgrade,
    )
