"""Readiness, for every phase of a server and every state of a worker."""

from __future__ import annotations

import pytest

from licorne.metrics.health import objection
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Child, Phase, Policy, Roster, State, begin

ONE = begin(Policy(workers=1, timeout=30.0, graceful_timeout=30.0))


def with_worker(state: State) -> Roster:
    child = Child(pid=1, age=1, generation=1, state=state, since=0.0)
    return replace(ONE, children=(child,))


@pytest.mark.parametrize("state", State)
def test_a_worker_has_to_serve(state: State) -> None:
    assert (objection(with_worker(state)) == "") is (state is State.SERVING)


@pytest.mark.parametrize("phase", Phase)
def test_not_from_the_announcement_of_the_end_on(phase: Phase) -> None:
    roster = replace(with_worker(State.SERVING), phase=phase)
    assert (objection(roster) == "") is (phase is Phase.RUNNING)
    # Another master has the addresses.
    assert objection(replace(roster, upgrade=77)) == ""


def test_why_no_worker_serves() -> None:
    assert objection(ONE) == "the server is starting"
    failing = replace(ONE, failures=3)
    assert objection(failing) == "no worker serves: 3 in a row have failed to boot"
    assert objection(replace(ONE, proven=True)) == "no worker serves"
    assert objection(replace(ONE, proven=True, target=0)) == "no worker is wanted"
