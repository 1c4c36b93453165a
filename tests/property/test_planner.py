"""Whatever happens, the master's plans lead to what is wanted, and each child is removed once."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from licorne.supervisor.actions import Action, Exit, Reload, Remove, Renew, Signal, Spawn, Upgrade
from licorne.supervisor.converge import wake_after
from licorne.supervisor.events import (
    AbortSent,
    ChildExited,
    Event,
    MoldEnded,
    Reconfigured,
    ReloadRefused,
    Renewing,
    Resized,
    Retire,
    Sighting,
    Signalled,
    Spawned,
    SpawnFailed,
    Tick,
    Upgraded,
)
from licorne.supervisor.plan import plan
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Phase, Policy, Reloading, State, begin
from property.effort import examples


class World(RuleBasedStateMachine):
    """A master with processes that do as they are told, or not."""

    @initialize(
        workers=st.integers(0, 5),
        timeout=st.sampled_from([0.0, 30.0]),
        fork_fails=st.booleans(),
        surge=st.sampled_from([1, 2, None]),
        boot_timeout=st.sampled_from([0.0, 20.0]),
        drain_delay=st.sampled_from([0.0, 5.0]),
        worker_max_age=st.sampled_from([0.0, 60.0]),
        preload=st.booleans(),
    )
    def begin(self, workers: int, timeout: float, fork_fails: bool, **policy: float) -> None:
        self.roster = begin(
            Policy(workers=workers, timeout=timeout, graceful_timeout=10.0, **policy)
        )
        self.now = 0.0
        self.next_pid = 1
        self.fork_fails = fork_fails
        self.answer_to_reload: ReloadRefused | None = None
        self.upgrade = 0
        #: A mold is loading what a reload or a changed file has brought.
        self.molding = False
        #: Workers asked of a mold, which has not answered yet.
        self.ordered = 0
        #: Living processes: what the scoreboard shows of them.
        self.alive: dict[int, bool] = {}
        #: Processes that ignore everything but KILL.
        self.deaf: set[int] = set()
        self.silent: set[int] = set()
        self.dead: list[ChildExited] = []
        self.removed: set[int] = set()
        self.ends: list[Exit] = []

    def feed(self, event: Event) -> None:
        outcome = plan(self.roster, event, self.now)
        self.roster = outcome.roster
        for action in outcome.actions:
            self.perform(action)

    def perform(self, action: Action) -> None:
        match action:
            case Spawn(count):
                assert count > 0
                self.no_more_than_the_surge(count)
                self.spawn(count)
            case Signal(pid, name):
                assert pid in self.alive or any(end.pid == pid for end in self.dead)
                if name == "TERM":
                    self.enough_stay(pid)
                self.deliver(pid, name)
            case Remove(pid):
                assert pid not in self.removed
                self.removed.add(pid)
            case Exit():
                self.ends.append(action)
            case Reload():
                preload = self.roster.policy.preload
                answer = Renewing() if preload else Reconfigured(self.roster.policy)
                self.feed(self.answer_to_reload or answer)
            case Renew():
                self.molding = True
            case Upgrade():
                self.upgrade, self.next_pid = self.next_pid, self.next_pid + 1
                self.feed(Upgraded(self.upgrade))

    def no_more_than_the_surge(self, count: int) -> None:
        """A new one comes because one is missing, or as one of the few above the number."""
        roster = self.roster
        active = roster.active()
        leaving = sum(child.state is State.RETIRING for child in roster.children)
        above = roster.surge - leaving if any(roster.outdated(c) for c in active) else 0
        still_old = sum(roster.outdated(c) and c.state is State.BOOTING for c in active)
        assert len(active) + count <= roster.target + max(0, above) + still_old

    def spawn(self, count: int) -> None:
        """At once, or when the mold gets to it."""
        if self.roster.policy.preload:
            self.ordered += count
            return
        for _ in range(count):
            self.fork()

    def enough_stay(self, pid: int) -> None:
        """No worker that has served is asked to go before the wanted number serves without it.

        Not for a reload, not for a limit, and not for a generation that does not boot.
        """
        child = self.roster.child(pid)
        if self.roster.keeps and child is not None and child.served:
            serving = [c for c in self.roster.active() if c.state is State.SERVING]
            assert len(serving) >= self.roster.target

    def fork(self) -> None:
        if self.fork_fails:
            self.feed(SpawnFailed("no more processes"))
            return
        pid, self.next_pid = self.next_pid, self.next_pid + 1
        self.alive[pid] = False
        self.feed(Spawned(pid))

    def deliver(self, pid: int, name: str) -> None:
        if name == "USR1" or pid not in self.alive or (pid in self.deaf and name != "KILL"):
            return
        self.alive.pop(pid)
        self.dead.append(ChildExited(pid, signal="SIGKILL" if name == "KILL" else ""))

    def tick(self, after: float) -> None:
        self.now += after
        limit = self.roster.policy.timeout or 1.0
        self.feed(
            Tick(
                tuple(
                    Sighting(pid, ready, 2 * limit if pid in self.silent else 0.0)
                    for pid, ready in self.alive.items()
                )
            )
        )

    @rule(after=st.sampled_from([0.0, 0.05, 1.0, 40.0]))
    def time_passes(self, after: float) -> None:
        self.tick(after)

    @rule(data=st.data())
    @precondition(lambda self: self.alive)
    def becomes_ready(self, data: st.DataObject) -> None:
        self.alive[data.draw(st.sampled_from(sorted(self.alive)))] = True
        self.tick(0.0)

    @rule(data=st.data(), code=st.sampled_from([0, 1, 3, 4]), answered=st.booleans())
    @precondition(lambda self: self.alive)
    def ends_by_itself(self, data: st.DataObject, code: int, answered: bool) -> None:
        pid = data.draw(st.sampled_from(sorted(self.alive)))
        self.alive.pop(pid)
        self.dead.append(ChildExited(pid, code=code, answered=answered, ready=answered))

    @rule(data=st.data(), silent=st.booleans())
    @precondition(lambda self: self.alive)
    def goes_deaf(self, data: st.DataObject, silent: bool) -> None:
        pid = data.draw(st.sampled_from(sorted(self.alive)))
        self.deaf.add(pid)
        if silent:
            self.silent.add(pid)

    @rule(data=st.data())
    @precondition(lambda self: self.alive)
    def is_aborted_by_now(self, data: st.DataObject) -> None:
        self.feed(AbortSent(data.draw(st.sampled_from(sorted(self.alive)))))

    @rule(data=st.data(), cause=st.sampled_from(["max_requests", "memory", "changed file"]))
    @precondition(lambda self: self.alive)
    def wants_to_be_replaced(self, data: st.DataObject, cause: str) -> None:
        self.feed(Retire(data.draw(st.sampled_from(sorted(self.alive))), cause))

    @rule(refused=st.booleans())
    def the_configuration_changes(self, refused: bool) -> None:
        self.answer_to_reload = ReloadRefused("no such class") if refused else None

    @rule()
    @precondition(lambda self: self.ordered)
    def a_mold_answers(self) -> None:
        self.ordered -= 1
        # The last of them is ended by the arbiter, when the server has no other worker left.
        if self.roster.phase is not Phase.STOPPED:
            self.fork()

    @rule(code=st.sampled_from([0, 1, 3, 4]), signal=st.sampled_from(["", "SIGKILL"]))
    @precondition(lambda self: self.roster.policy.preload)
    def the_present_mold_ends(self, code: int, signal: str) -> None:
        asked, self.ordered = self.ordered, 0
        self.feed(MoldEnded(0, coming=False, asked=asked, code=code, signal=signal))

    @rule(loads=st.booleans())
    @precondition(lambda self: self.molding)
    def a_mold_loads_the_application_or_does_not(self, loads: bool) -> None:
        self.molding = False
        policy = self.roster.policy
        self.feed(Reconfigured(policy) if loads else MoldEnded(0, coming=True, code=3))

    @rule()
    @precondition(lambda self: self.upgrade)
    def the_new_master_ends(self) -> None:
        self.feed(ChildExited(self.upgrade, code=1))
        self.upgrade = 0

    @rule()
    def reaps(self) -> None:
        while self.dead:
            self.feed(self.dead.pop(0))

    @rule(name=st.sampled_from(["HUP", "TTIN", "TTOU", "USR1", "WINCH", "USR2"]))
    def is_signalled(self, name: str) -> None:
        self.feed(Signalled(name))

    @rule(number=st.integers(0, 6))
    def is_resized(self, number: int) -> None:
        self.feed(Resized(number))

    @rule(name=st.sampled_from(["TERM", "INT", "QUIT"]))
    def is_told_to_stop(self, name: str) -> None:
        self.feed(Signalled(name))

    @rule()
    def forking_works_again(self) -> None:
        self.fork_fails = False

    @invariant()
    def knows_all_processes(self) -> None:
        known = {child.pid for child in self.roster.children}
        assert known == set(self.alive) | {end.pid for end in self.dead}
        assert self.roster.starting == (self.ordered if self.roster.keeps else 0)

    @invariant()
    def never_more_than_wanted_and_the_surge(self) -> None:
        if not self.roster.keeps:
            return
        active = self.roster.active()
        current = [child for child in active if not self.roster.outdated(child)]
        assert len(current) <= self.roster.target
        assert len(active) <= self.roster.target + self.roster.surge + len(active) - len(current)

    def is_settled(self) -> bool:
        """The wanted number serves, and all of them what is to be served."""
        serving = [c for c in self.roster.children if c.state is State.SERVING]
        return (
            len(serving) == self.roster.target
            and not any(self.roster.outdated(c) for c in serving)
            and self.roster.reload not in {Reloading.UNDER_WAY, Reloading.FAILING}
        )

    def teardown(self) -> None:
        """From anywhere, with processes that behave: what is wanted, or the end."""
        if not hasattr(self, "roster"):
            return
        self.fork_fails = False
        # Workers that may only grow so old are replaced for ever: now and then none is too old.
        ages = self.roster.policy.worker_max_age > 0
        settled = False
        for _ in range(200):
            for pid in self.alive:
                self.alive[pid] = True
            while self.dead:
                self.feed(self.dead.pop(0))
            while self.ordered:
                self.a_mold_answers()
            if self.molding:
                self.a_mold_loads_the_application_or_does_not(loads=True)
            self.tick(min(40.0, wake_after(self.roster, self.now) or 0.0))
            settled = self.is_settled() or (settled and ages)
        if self.roster.phase is Phase.LAME:
            self.tick(self.roster.policy.drain_delay)
            while self.dead:
                self.feed(self.dead.pop(0))
        if self.roster.phase is Phase.RUNNING:
            assert settled
        else:
            assert self.roster.phase is Phase.STOPPED
            assert not self.alive
            assert len(self.ends) == 1


World.TestCase.settings = settings(
    max_examples=examples(150),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestPlanner = World.TestCase


def test_the_number_that_serves_never_falls_during_a_reload() -> None:
    policy = Policy(workers=4, timeout=30.0, graceful_timeout=10.0)
    roster = begin(policy)
    pid = 0

    def feed(event: Event, now: float) -> None:
        nonlocal roster, pid
        outcome = plan(roster, event, now)
        roster = outcome.roster
        for action in outcome.actions:
            if isinstance(action, Spawn):
                for _ in range(action.count):
                    pid += 1
                    feed(Spawned(pid), now)
            elif isinstance(action, Signal):
                feed(ChildExited(action.pid), now)

    feed(Tick(), 0.0)
    feed(Tick(tuple(Sighting(p, True, 0.0) for p in range(1, 5))), 1.0)
    feed(Reconfigured(replace(policy, timeout=10.0)), 2.0)
    for step in range(3, 10):
        serving = [c for c in roster.children if c.state is State.SERVING]
        assert len(serving) >= 4
        feed(Tick(tuple(Sighting(c.pid, True, 0.0) for c in roster.children)), float(step))
    assert {c.generation for c in roster.active()} == {2}
