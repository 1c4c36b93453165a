"""The master's decisions, fact by fact."""

from __future__ import annotations

import pytest

from licorne.supervisor.actions import (
    Action,
    CloseListeners,
    Exit,
    Log,
    NumberChanged,
    Reload,
    Remove,
    Reopen,
    Signal,
    Spawn,
    Upgrade,
)
from licorne.supervisor.converge import wake_after
from licorne.supervisor.events import (
    AbortSent,
    ChildExited,
    Event,
    Promoted,
    Reconfigured,
    ReloadRefused,
    Resized,
    Retire,
    Sighting,
    Signalled,
    Spawned,
    SpawnFailed,
    StopAsked,
    Tick,
    Upgraded,
)
from licorne.supervisor.plan import plan
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Phase, Policy, Reloading, Roster, State, begin
from licorne.supervisor.tables import COMMANDS

POLICY = Policy(workers=2, timeout=30.0, graceful_timeout=10.0)


class Master:
    """Feeds events to the planner; forks get the process ids 1, 2, 3, …"""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.roster: Roster = begin(policy)
        self.now = 1000.0
        self.pid = 0
        self.silent: dict[int, float] = {}

    def feed(self, event: Event) -> list[Action]:
        outcome = plan(self.roster, event, self.now)
        self.roster = outcome.roster
        done = list(outcome.actions)
        for action in outcome.actions:
            if isinstance(action, Spawn):
                for _ in range(action.count):
                    self.pid += 1
                    done += self.feed(Spawned(self.pid))
        return done

    def tick(self, ready: tuple[int, ...] = (), after: float = 0.0) -> list[Action]:
        self.now += after
        pids = [child.pid for child in self.roster.children]
        return self.feed(
            Tick(tuple(Sighting(p, p in ready, self.silent.get(p, 0.0)) for p in pids))
        )

    def serving(self) -> set[int]:
        return {c.pid for c in self.roster.children if c.state is State.SERVING}


def started(policy: Policy = POLICY) -> Master:
    master = Master(policy)
    master.tick()
    master.tick(ready=tuple(range(1, policy.workers + 1)))
    assert len(master.serving()) == policy.workers
    return master


def signals(actions: list[Action]) -> list[tuple[int, str]]:
    return [(a.pid, a.name) for a in actions if isinstance(a, Signal)]


def test_the_first_look_forks_all_workers() -> None:
    assert Master().tick() == [Spawn(2)]


def test_a_dead_worker_is_replaced_at_once() -> None:
    master = started()
    actions = master.feed(ChildExited(1, signal="SIGSEGV"))
    # Young and crashed: the brake's first step is a tenth of a second.
    assert actions[:2] == [
        Log("warning", "Worker (pid:%s) was sent %s!", (1, "SIGSEGV")),
        Remove(1),
    ]
    assert Spawn(1) in master.tick(after=0.11)


def test_a_worker_that_served_for_long_is_replaced_without_the_brake() -> None:
    master = started()
    master.tick(after=60)
    assert Spawn(1) in master.feed(ChildExited(2, signal="SIGKILL"))


def test_a_young_worker_that_has_answered_is_no_failed_boot() -> None:
    master = started()
    master.feed(Reconfigured(POLICY))
    master.tick(ready=(3,))
    master.feed(ChildExited(1))
    # A fresh worker of the new generation, which has answered: the reload goes on, too.
    actions = master.feed(ChildExited(3, signal="SIGKILL", answered=True))
    assert Spawn(1) in actions
    assert master.roster.failures == 0
    assert master.roster.reload is Reloading.UNDER_WAY


def test_crashes_in_a_row_are_braked_from_the_second_on() -> None:
    master = started(replace(POLICY, workers=1))
    delays = []
    for pid in range(1, 13):
        actions = master.feed(ChildExited(pid, signal="SIGKILL", answered=True))
        assert (Spawn(1) in actions) is (pid == 1)
        delays.append(round(max(0.0, master.roster.spawn_after - master.now), 3))
        if delays[-1]:
            assert wake_after(master.roster, master.now) == pytest.approx(delays[-1])
            assert Spawn(1) in master.tick(after=delays[-1])
        master.tick(ready=(pid + 1,))
    # It serves in between: the brake stays at its first step.
    assert delays == [0.0] + [0.1] * 11


@pytest.mark.parametrize("timeout", [30.0, 0.0])
def test_a_worker_that_lives_ends_the_row_of_crashes(timeout: float) -> None:
    master = started(replace(POLICY, workers=1, timeout=timeout))
    master.feed(ChildExited(1, signal="SIGKILL", answered=True))
    master.tick(ready=(2,))
    waited = wake_after(master.roster, master.now)
    assert waited is not None
    assert waited > 0
    master.tick(after=waited)
    # Its successor is young again, and crashes.
    assert Spawn(1) in master.feed(ChildExited(2))
    master.tick(ready=(3,))
    assert Spawn(1) in master.feed(ChildExited(3, signal="SIGKILL", answered=True))


def test_a_worker_that_answered_before_it_was_seen_ready() -> None:
    """It may serve and be killed between two looks of the master."""
    master = Master(replace(POLICY, workers=1))
    master.tick()
    assert Spawn(1) in master.feed(ChildExited(1, code=3, answered=True, ready=True))
    assert master.roster.phase is Phase.RUNNING


@pytest.mark.parametrize("code", [3, 4])
def test_a_worker_that_was_ready_and_ends_before_it_was_seen_so(code: int) -> None:
    """The application loads, whatever the code says: the brake, but no end of the server."""
    master = Master(replace(POLICY, workers=1))
    master.tick()
    actions = master.feed(ChildExited(1, code=code, ready=True))
    assert [action for action in actions if isinstance(action, Log)] == [
        Log("error", "Worker (pid:%s) exited with code %s.", (1, code))
    ]
    assert master.roster.phase is Phase.RUNNING
    assert master.roster.proven
    assert master.roster.failures == 1


def test_an_ordinary_end_is_not_told() -> None:
    master = started()
    assert master.feed(ChildExited(1)) == [Remove(1), Spawn(1)]


def test_a_stranger_is_reaped_without_a_word() -> None:
    master = started()
    assert master.feed(ChildExited(4711, code=1)) == []


@pytest.mark.parametrize(
    ("code", "reason"), [(3, "Worker failed to boot."), (4, "App failed to load.")]
)
def test_a_first_generation_that_cannot_boot_halts_the_server(code: int, reason: str) -> None:
    master = Master()
    master.tick()
    actions = master.feed(ChildExited(1, code=code))
    assert Remove(1, hooks=False) in actions
    assert CloseListeners() in actions
    assert (2, "TERM") in signals(actions)
    assert master.feed(ChildExited(2, code=code))[-1] == Exit(code, reason)


def test_a_later_boot_failure_brakes_and_never_halts() -> None:
    master = started()
    master.feed(Reconfigured(POLICY))
    delays = []
    for _ in range(12):
        booting = [c.pid for c in master.roster.children if c.state is State.BOOTING]
        assert len(booting) == 1
        master.feed(ChildExited(booting[0], code=3))
        delays.append(round(master.roster.spawn_after - master.now, 3))
        master.tick(after=delays[-1])
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 30.0
    assert master.serving() == {1, 2}


def test_reload_proves_each_new_worker_before_an_old_one_goes() -> None:
    master = started()
    assert Spawn(1) in master.feed(Reconfigured(POLICY))
    assert signals(master.tick()) == []
    assert master.tick(ready=(3,)) == [Signal(1, "TERM")]
    # One above the number, and not two: the next one comes when the first has left.
    assert master.feed(ChildExited(1)) == [Remove(1), Spawn(1)]
    actions = master.tick(ready=(4,))
    assert signals(actions) == [(2, "TERM")]
    assert Log("info", "Reload complete: %s workers serve, generation %s", (2, 2)) in actions
    assert master.serving() == {3, 4}
    assert master.roster.reload is Reloading.COMPLETE


def test_reload_to_fewer_workers_lets_the_spare_ones_go_first() -> None:
    master = started(replace(POLICY, workers=4))
    actions = master.feed(Reconfigured(POLICY))
    assert NumberChanged(new=2, old=4) in actions
    assert signals(actions) == [(1, "TERM"), (2, "TERM")]


def test_a_second_reload_drops_workers_that_still_boot_old_code() -> None:
    master = started()
    master.feed(Reconfigured(POLICY))
    actions = master.feed(Reconfigured(POLICY))
    assert signals(actions) == [(3, "TERM")]
    assert Spawn(1) in master.feed(ChildExited(3, signal="SIGTERM"))


def test_a_worker_that_asks_is_replaced_first() -> None:
    master = started()
    actions = master.feed(Retire(1, "memory"))
    assert actions == [
        Log("info", "Worker (pid:%s) is to be replaced: %s", (1, "memory")),
        Spawn(1),
    ]
    # Both want to go: one after the other, and each once.
    assert master.feed(Retire(2, "max_requests"))[1:] == []
    assert master.feed(Retire(1, "memory")) == []
    assert master.tick(ready=(3,)) == [Signal(1, "TERM")]
    assert master.feed(ChildExited(1)) == [Remove(1), Spawn(1)]
    assert master.tick(ready=(4,)) == [Signal(2, "TERM")]
    master.feed(ChildExited(2))
    assert dict(master.roster.restarts) == {"memory": 1, "max_requests": 1}
    assert master.serving() == {3, 4}


def test_a_worker_that_was_not_planned_takes_the_place_of_the_oldest() -> None:
    """A program has called the arbiter's `spawn_worker`."""
    master = started()
    actions = master.feed(Spawned(3))
    assert actions == [
        Log("info", "Worker (pid:%s) is to be replaced: %s", (1, "another was started"))
    ]
    assert master.tick(ready=(3,)) == [Signal(1, "TERM")]
    assert master.feed(ChildExited(1)) == [Remove(1)]
    assert master.serving() == {2, 3}


def test_a_changed_file_concerns_the_whole_generation() -> None:
    master = started()
    assert Spawn(1) in master.feed(Retire(1, "changed file"))
    assert master.roster.generation == 2
    assert master.feed(Retire(2, "changed file")) == []
    assert master.roster.generation == 2


def test_old_age_is_noticed() -> None:
    master = started(replace(POLICY, worker_max_age=60.0))
    actions = master.tick(after=61)
    assert [a.args for a in actions if isinstance(a, Log)] == [
        (1, "time to live"),
        (2, "time to live"),
    ]
    assert actions[-1] == Spawn(1)


def test_a_reload_that_fails_is_remembered_and_mended() -> None:
    master = started()
    master.feed(Reconfigured(POLICY))
    master.feed(ChildExited(3, code=3))
    assert master.roster.reload is Reloading.FAILING
    assert "exit code 3" in master.roster.reload_reason
    master.tick(after=1)
    master.tick(ready=(4,))
    master.feed(ChildExited(1))
    master.tick(ready=(5,))
    assert master.roster.reload is Reloading.COMPLETE
    master.feed(ReloadRefused("no such class"))
    assert master.roster.reload is Reloading.REFUSED


def test_a_whole_generation_at_once() -> None:
    master = started(replace(POLICY, surge=None))
    assert Spawn(2) in master.feed(Reconfigured(replace(POLICY, surge=None)))
    assert signals(master.tick(ready=(3, 4))) == [(1, "TERM"), (2, "TERM")]


def test_loading_is_bounded_and_told() -> None:
    master = Master(replace(POLICY, workers=1, boot_timeout=60.0))
    master.tick()
    master.tick()
    told = Log("warning", "Worker (pid:%s) has been loading the application for %.0f s", (1, 10.0))
    for _ in range(4):
        assert master.tick(after=2) == []
    assert master.tick(after=2) == [told]
    for _ in range(25):
        master.tick(after=2)
    actions = master.tick(after=2)
    assert signals(actions) == [(1, "ABRT")]
    master.feed(ChildExited(1, signal="SIGABRT"))
    assert dict(master.roster.restarts) == {"boot_timeout": 1}
    assert master.roster.failures == 1


def test_drain_delay_serves_until_its_end() -> None:
    master = started(replace(POLICY, drain_delay=5.0))
    actions = master.feed(Signalled("TERM"))
    assert signals(actions) == []
    assert master.roster.phase is Phase.LAME
    master.now += 2
    assert master.feed(ChildExited(1, signal="SIGKILL"))[-1] == Spawn(1)
    assert CloseListeners() in master.tick(after=5)
    assert master.roster.phase is Phase.STOPPING


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_drain_delay_is_cut_short_by_a_second_signal(name: str) -> None:
    master = started(replace(POLICY, drain_delay=5.0))
    master.feed(Signalled("TERM"))
    assert CloseListeners() in master.feed(Signalled(name))


def test_a_new_master_is_made_once() -> None:
    master = started()
    assert master.feed(Signalled("USR2"))[-1] == Upgrade()
    master.feed(Upgraded(99))
    assert Upgrade() not in master.feed(Signalled("USR2"))
    # The files of unix sockets are the other's now.
    assert CloseListeners(unlink=False) in Master.feed(master, Signalled("TERM"))


def test_a_new_master_that_ends_may_be_followed_by_another() -> None:
    master = started()
    master.feed(Upgraded(99))
    told = Log(
        "error", "The new master (pid:%s) has ended (%s); this one goes on.", (99, "exit code 1")
    )
    assert master.feed(ChildExited(99, code=1)) == [told]
    assert master.feed(Signalled("USR2"))[-1] == Upgrade()


def test_a_new_master_waits_for_the_end_of_the_old_one() -> None:
    master = Master()
    master.roster = begin(POLICY, parent=7)
    assert Upgrade() not in master.feed(Signalled("USR2"))
    master.feed(Promoted())
    assert master.feed(Signalled("USR2"))[-1] == Upgrade()


def test_after_a_pause_of_the_master_no_worker_is_silent() -> None:
    master = started()
    master.silent = {1: 100.0, 2: 100.0}
    assert master.tick(after=100) == []
    # A signal that had to wait makes it look again at once; the workers have hardly run.
    assert master.tick(after=0.01) == []
    assert master.tick(after=1) == []
    assert master.tick(after=1) == []
    assert signals(master.tick(after=1)) == [(1, "ABRT"), (2, "ABRT")]


def test_a_reload_before_any_worker_serves_keeps_those_that_boot() -> None:
    master = Master()
    master.tick()
    actions = master.feed(Reconfigured(POLICY))
    assert signals(actions) == []
    assert Spawn(1) in actions
    # The new code is broken: the server neither halts nor loses the others.
    actions = master.feed(ChildExited(3, code=3))
    assert CloseListeners() not in actions
    assert master.tick(ready=(1, 2)) == [Spawn(1)]
    assert master.serving() == {1, 2}


def test_ttin_and_ttou_change_the_number() -> None:
    master = started()
    assert NumberChanged(3, 2) in master.feed(Signalled("TTIN"))
    master.tick(ready=(3,))
    actions = master.feed(Signalled("TTOU"))
    assert NumberChanged(2, 3) in actions
    assert signals(actions) == [(1, "TERM")]


def test_ttou_leaves_one_worker() -> None:
    master = started(replace(POLICY, workers=1))
    assert signals(master.feed(Signalled("TTOU"))) == []
    assert master.roster.target == 1


def with_a_silent_one(policy: Policy = POLICY) -> tuple[Master, list[Action]]:
    """Two workers of which the second is silent, and what is done when the master sees it."""
    master = started(policy)
    for _ in range(4):
        master.tick(after=1)
    master.silent[2] = 30.5
    return master, master.tick(after=1)


def test_a_silent_worker_is_aborted_then_killed() -> None:
    master, actions = with_a_silent_one()
    assert Log("critical", "WORKER TIMEOUT (pid:%s)", (2,)) in actions
    assert signals(actions) == [(2, "ABRT")]
    assert Spawn(1) in actions
    # The log says first what it is busy with; on a busy machine that takes a while.
    assert signals(master.tick(after=1.5)) == []
    assert signals(master.feed(AbortSent(2))) == []
    assert signals(master.tick(after=0.5)) == []
    assert signals(master.tick(after=0.5)) == [(2, "KILL")]
    assert signals(master.tick(after=5)) == []
    told = master.feed(ChildExited(2, signal="SIGKILL"))
    why = ("Worker (pid:%s) was sent SIGKILL! %s", (2, "It did not stop in time."))
    assert told[0] == Log("error", *why)


def test_a_silent_worker_is_killed_although_nothing_can_be_said_of_it() -> None:
    master, _ = with_a_silent_one()
    assert signals(master.tick(after=4.9)) == []
    assert signals(master.tick(after=0.1)) == [(2, "KILL")]
    # It comes late, and changes nothing.
    assert signals(master.feed(AbortSent(2))) == []


def test_a_silent_worker_keeps_the_deadline_of_a_stop() -> None:
    master, _ = with_a_silent_one(replace(POLICY, graceful_timeout=1.0))
    master.feed(Signalled("TERM"))
    master.tick(after=1.4)
    assert signals(master.feed(AbortSent(2))) == []
    assert (2, "KILL") in signals(master.tick(after=0.1))


def test_timeout_zero_means_never() -> None:
    master = started(replace(POLICY, timeout=0))
    master.silent[1] = 1e9
    assert master.tick(after=1e6) == []


def test_term_waits_and_then_kills() -> None:
    master = started()
    actions = master.feed(Signalled("TERM"))
    assert actions[0] == Log("info", "Handling signal: %s", ("term",))
    assert CloseListeners() in actions
    assert signals(actions) == [(1, "TERM"), (2, "TERM")]
    assert master.feed(ChildExited(1)) == [Remove(1)]
    assert signals(master.tick(after=10.6)) == [(2, "KILL")]
    assert master.feed(ChildExited(2, signal="SIGKILL"))[-1] == Exit(0, "")
    assert master.roster.phase is Phase.STOPPED


def test_int_after_term_is_impatient() -> None:
    master = started()
    master.feed(Signalled("TERM"))
    actions = master.feed(Signalled("INT"))
    assert Log("info", "Quick shutdown requested") in actions
    assert signals(actions) == [(1, "QUIT"), (2, "QUIT")]
    assert signals(master.tick(after=2)) == [(1, "KILL"), (2, "KILL")]


def test_int_stops_quickly() -> None:
    actions = started().feed(Signalled("INT"))
    assert signals(actions) == [(1, "QUIT"), (2, "QUIT")]


def test_a_server_without_workers_ends_at_once() -> None:
    master = Master(replace(POLICY, workers=0))
    assert master.feed(StopAsked(graceful=True, status=1, reason="why")) == [
        CloseListeners(),
        Exit(1, "why"),
    ]
    assert master.feed(Signalled("TERM")) == []


def test_a_worker_forked_while_the_server_stops_is_told_to_go() -> None:
    master = started()
    master.feed(Signalled("TERM"))
    assert signals(master.feed(Spawned(99))) == [(99, "TERM")]


def test_usr1_reopens_everywhere() -> None:
    actions = started().feed(Signalled("USR1"))
    assert Reopen() in actions
    assert signals(actions) == [(1, "USR1"), (2, "USR1")]


def test_hup_asks_for_the_configuration() -> None:
    assert Reload() in started().feed(Signalled("HUP"))


def test_winch_is_for_daemons() -> None:
    assert signals(started().feed(Signalled("WINCH"))) == []
    daemon = started(replace(POLICY, daemon=True))
    assert signals(daemon.feed(Signalled("WINCH"))) == [(1, "TERM"), (2, "TERM")]
    # HUP brings the workers back.
    assert Spawn(2) in daemon.feed(Reconfigured(daemon.roster.policy))


def test_a_failed_fork_is_told_and_tried_later() -> None:
    master = Master(replace(POLICY, workers=1))
    outcome = plan(master.roster, Tick(), 0.0)
    after = plan(outcome.roster, SpawnFailed("no memory"), 0.0)
    assert after.actions == (Log("error", "Cannot fork a worker: %s", ("no memory",)),)
    assert plan(after.roster, Tick(), 0.1).actions == (Spawn(1),)


def test_every_signal_in_every_phase_is_a_decision() -> None:
    for phase in Phase:
        for name in COMMANDS:
            master = started()
            master.roster = replace(master.roster, phase=phase)
            master.feed(Signalled(name))


def test_an_unknown_event_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="not an event"):
        plan(begin(POLICY), Event(), 0.0)


def test_waking() -> None:
    master = Master(replace(POLICY, timeout=0))
    assert wake_after(master.roster, master.now) == 0.0
    master.tick()
    master.tick(ready=(1, 2))
    assert wake_after(master.roster, master.now) is None
    master.feed(Signalled("TERM"))
    assert wake_after(master.roster, master.now) == 10.5


def test_a_look_is_due_before_a_worker_may_count_as_silent() -> None:
    master = started(replace(POLICY, workers=1))
    assert wake_after(master.roster, master.now) == 26.0
    # It has shown signs of life meanwhile, the last one 3 seconds ago.
    master.silent[1] = 3.0
    master.tick(after=26.0)
    assert wake_after(master.roster, master.now) == 23.0
    # No more: the master looks each second, and is in time.
    for _ in range(40):
        pause = wake_after(master.roster, master.now)
        assert pause is not None
        master.silent[1] += pause
        if signals(master.tick(after=pause)):
            break
    assert 30.0 < master.silent[1] <= 31.0


@pytest.mark.parametrize(("timeout", "pause"), [(1, 1.0), (5, 1.0), (6, 2.0), (3600, 3596.0)])
def test_the_pause_between_looks(timeout: float, pause: float) -> None:
    master = started(replace(POLICY, timeout=timeout))
    assert wake_after(master.roster, master.now) == pause


def test_what_needs_a_look_each_second() -> None:
    booting = Master()
    booting.tick()
    assert wake_after(booting.roster, booting.now) == 1.0
    crashed = started()
    crashed.feed(ChildExited(1, signal="SIGSEGV", answered=True))
    crashed.tick(ready=(3,))
    assert wake_after(crashed.roster, crashed.now) == 1.0
    crashed.tick(after=1.0)
    assert wake_after(crashed.roster, crashed.now) == 26.0
    second = Master(POLICY)
    second.roster = begin(POLICY, parent=9)
    second.tick()
    second.tick(ready=(1, 2))
    assert wake_after(second.roster, second.now) == 1.0


def test_a_look_is_due_when_a_worker_is_old() -> None:
    master = started(replace(POLICY, timeout=0, worker_max_age=600.0))
    assert wake_after(master.roster, master.now) == 600.0
    master.tick(after=600.0)
    assert wake_after(master.roster, master.now) == 1.0


def test_a_number_asked_for_by_a_program() -> None:
    master = started()
    assert Spawn(3) in master.feed(Resized(5))
