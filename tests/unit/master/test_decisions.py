"""The queue of events: their order, and what is left of it when the server ends."""

from __future__ import annotations

import pytest

from licorne.errors import HaltServer
from licorne.master.decisions import Decisions
from licorne.supervisor import actions, events
from licorne.supervisor.roster import Phase, Policy, begin

POLICY = Policy(workers=2, timeout=30.0, graceful_timeout=30.0)


class Hands:
    """Performs actions as the master does: forks answer while they are performed."""

    def __init__(self) -> None:
        self.decisions = Decisions(begin(POLICY), self.perform, lambda: 1.0)
        #: What was done, and how many children the roster had then.
        self.done: list[tuple[str, int]] = []
        self.pid = 100

    def perform(self, action: actions.Action) -> None:
        self.note(f"begin {type(action).__name__}")
        match action:
            case actions.Spawn(count):
                for _ in range(count):
                    self.pid += 1
                    self.decisions.decide(events.Spawned(self.pid))
            case actions.Reload():
                self.decisions.decide(events.Reconfigured(POLICY))
            case actions.Exit(status, reason):
                raise HaltServer(reason, status)
        self.note(f"end {type(action).__name__}")

    def note(self, what: str) -> None:
        self.done.append((what, len(self.decisions.roster.children)))


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_an_event_of_an_action_is_decided_after_it(hands: Hands) -> None:
    hands.decisions.decide(events.Tick())
    # Both are forked before the first is known.
    assert hands.done == [("begin Spawn", 0), ("end Spawn", 0)]
    assert [child.pid for child in hands.decisions.roster.children] == [101, 102]
    assert hands.decisions.roster.starting == 0


def test_a_reload_is_performed_before_its_generation_begins(hands: Hands) -> None:
    hands.decisions.decide(events.Tick())
    hands.done.clear()
    hands.decisions.decide(events.Signalled("HUP"))
    told = [what for what, _ in hands.done]
    assert told[:4] == ["begin Log", "end Log", "begin Reload", "end Reload"]
    assert "begin Spawn" in told[4:]
    assert hands.decisions.roster.generation == 2


def test_what_was_asked_for_is_decided_in_order(hands: Hands) -> None:
    hands.decisions.add(events.Resized(3))
    hands.decisions.add(events.Resized(1))
    assert hands.decisions.roster.target == 2
    assert hands.decisions.target == 1
    hands.decisions.decide(events.Tick())
    assert hands.decisions.roster.target == hands.decisions.target == 1
    changes = [what for what, _ in hands.done if what == "begin NumberChanged"]
    assert len(changes) == 2


def test_an_end_leaves_a_queue_that_works(hands: Hands) -> None:
    hands.decisions.decide(events.Tick())
    hands.decisions.decide(events.StopAsked(graceful=True))
    hands.decisions.add(events.ChildExited(101))
    hands.decisions.add(events.ChildExited(102))
    with pytest.raises(HaltServer):
        hands.decisions.run()
    assert hands.decisions.roster.phase is Phase.STOPPED
    hands.done.clear()
    hands.decisions.decide(events.Tick())
    assert hands.done == []


def test_a_stop_from_inside_of_an_action_gives_up_the_rest() -> None:
    done: list[str] = []

    def perform(action: actions.Action) -> None:
        done.append(type(action).__name__)
        if isinstance(action, actions.NumberChanged):
            # As a hook does that ends the server.
            decisions.give_up()
            decisions.decide(events.StopAsked(graceful=False))

    decisions = Decisions(begin(POLICY), perform, lambda: 1.0)
    with_more = events.Resized(3)
    decisions.add(with_more)
    decisions.run()
    # No worker is forked for the number that was changed before.
    assert done == ["NumberChanged", "CloseListeners", "Exit"]


def test_a_forked_process_has_no_events(hands: Hands) -> None:
    hands.decisions.add(events.Resized(3))
    hands.decisions.leave()
    hands.decisions.run()
    assert hands.decisions.target == 2
    assert hands.done == []
