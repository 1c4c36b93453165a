"""Molds, fact by fact: a new generation begins when its mold has loaded the application."""

from __future__ import annotations

import pytest

from licorne.supervisor.actions import Action, CloseListeners, Exit, Log, Renew, Spawn
from licorne.supervisor.converge import wake_after
from licorne.supervisor.events import (
    ChildExited,
    Event,
    MoldEnded,
    Reconfigured,
    Renewing,
    Resized,
    Retire,
    Sighting,
    Spawned,
    StopAsked,
    Tick,
)
from licorne.supervisor.plan import plan
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Phase, Policy, Reloading, Renewal, begin

POLICY = Policy(workers=2, timeout=30.0, graceful_timeout=10.0, preload=True)


class Master:
    """Feeds events to the planner; what it asks for is kept, not done."""

    def __init__(self) -> None:
        self.roster = begin(POLICY)
        self.now = 1000.0

    def feed(self, event: Event, after: float = 0.0) -> list[Action]:
        self.now += after
        outcome = plan(self.roster, event, self.now)
        self.roster = outcome.roster
        return list(outcome.actions)

    def tick(self, after: float = 0.0) -> list[Action]:
        seen = tuple(Sighting(child.pid, True, 0.0) for child in self.roster.children)
        return self.feed(Tick(seen), after)


def serving() -> Master:
    master = Master()
    assert Spawn(2) in master.tick()
    master.feed(Spawned(1))
    master.feed(Spawned(2))
    master.tick()
    assert master.roster.proven
    return master


def logs(actions: list[Action]) -> list[str]:
    return [a.message % a.args for a in actions if isinstance(a, Log)]


def test_a_reload_asks_for_a_mold_and_changes_no_worker() -> None:
    master = serving()
    assert master.feed(Renewing()) == [Renew()]
    assert master.tick() == []
    assert master.roster.generation == 1
    assert master.roster.reload is Reloading.UNDER_WAY


def test_the_new_generation_begins_when_the_mold_has_come() -> None:
    master = serving()
    master.feed(Renewing())
    # One beside the others, and the one that is missing.
    assert Spawn(2) in master.feed(Reconfigured(replace(POLICY, workers=3)))
    assert master.roster.generation == 2
    assert master.roster.target == 3
    assert master.roster.renewal is Renewal.NONE


def test_a_mold_that_fails_is_tried_again_more_and_more_slowly() -> None:
    master = serving()
    master.feed(Renewing())
    delays = []
    for _ in range(12):
        told = master.feed(MoldEnded(9, coming=True, code=3))
        assert logs(told) == ["Mold (pid:9) exited with code 3."]
        assert master.roster.renew_at is not None
        delay = master.roster.renew_at - master.now
        delays.append(delay)
        wake = wake_after(master.roster, master.now)
        assert wake == min(26.0, delay)
        assert master.tick() == []
        assert master.tick(after=delay) == [Renew()]
        assert master.tick(after=60.0) == []
    assert delays[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert delays[-1] == 30.0
    assert master.roster.reload is Reloading.FAILING
    assert "exit code 3" in master.roster.reload_reason
    assert master.roster.generation == 1


def test_a_worker_lost_meanwhile_is_replaced_by_the_present_mold() -> None:
    master = serving()
    master.feed(Renewing())
    master.feed(MoldEnded(9, coming=True, code=3))
    assert Spawn(1) in master.feed(ChildExited(1, signal="SIGKILL"), after=5.0)


@pytest.mark.parametrize(
    ("code", "reason"), [(3, "Worker failed to boot."), (4, "App failed to load.")]
)
def test_an_application_that_never_loaded_ends_the_server(code: int, reason: str) -> None:
    master = Master()
    master.tick()
    ended = master.feed(MoldEnded(9, coming=False, asked=2, code=code))
    assert [type(each) for each in ended] == [Log, CloseListeners, Exit]
    assert ended[-1] == Exit(code, reason)


@pytest.mark.parametrize("how", [{"code": 1}, {"signal": "SIGSEGV"}, {"signal": "SIGKILL"}])
def test_other_ends_of_a_first_mold_are_tried_again(how: dict[str, str]) -> None:
    master = Master()
    master.tick()
    assert len(master.feed(MoldEnded(9, coming=False, asked=2, **how))) == 1
    assert master.roster.starting == 0
    # One failure for both workers, and one worker at a time from now on.
    assert master.roster.failures == 1
    assert master.tick() == []
    assert master.tick(after=0.2) == [Spawn(1)]


def test_a_mold_that_dies_with_nothing_to_do_changes_nothing() -> None:
    master = serving()
    told = master.feed(MoldEnded(9, coming=False, signal="SIGKILL"))
    assert logs(told) == ["Mold (pid:9) was sent SIGKILL!"]
    assert master.roster.failures == 0
    assert len(told) == 1


def test_a_mold_that_cannot_be_forked() -> None:
    master = serving()
    master.feed(Renewing())
    told = master.feed(MoldEnded(0, coming=True, reason="no more processes"))
    assert logs(told) == ["Cannot fork a mold: no more processes"]
    assert master.tick(after=0.2) == [Renew()]


def test_a_changed_file_wants_one_new_mold_and_keeps_the_number() -> None:
    master = serving()
    master.feed(Resized(3))
    assert Renew() in master.feed(Retire(1, "changed file"))
    assert Renew() not in master.feed(Retire(2, "changed file"))
    master.feed(Reconfigured(POLICY))
    assert master.roster.target == 3
    assert master.roster.generation == 2


def test_a_server_that_ends_makes_no_mold() -> None:
    master = serving()
    master.feed(Renewing())
    master.feed(MoldEnded(9, coming=True, code=3))
    master.feed(StopAsked(graceful=True))
    assert master.roster.phase is Phase.STOPPING
    assert Renew() not in master.tick(after=5.0)
