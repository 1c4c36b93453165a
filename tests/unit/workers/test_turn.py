"""Which of the workers that start together load the application first."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from licorne._engine import Scoreboard
from licorne.workers import turn
from patience import PATIENCE

if TYPE_CHECKING:
    import pytest


def started(scoreboard: Scoreboard, *slots: int) -> None:
    """Workers that load in these slots; all of them are this process."""
    for slot in slots:
        scoreboard.reset(slot)
        scoreboard.claim(slot)


def test_those_that_load_and_were_started_before_count() -> None:
    scoreboard = Scoreboard(5, 1)
    started(scoreboard, 0, 1, 2, 4)
    scoreboard.mark_ready(1)
    assert [turn.loading(scoreboard, slot) for slot in range(5)] == [0, 1, 1, 2, 2]


def test_one_for_each_processor_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    scoreboard = Scoreboard(4, 1)
    started(scoreboard, 0, 1, 2)
    monkeypatch.setattr(turn, "processors", lambda: 3)
    monkeypatch.setattr(turn, "ROUND", 600.0)
    turn.wait(scoreboard, 2)
    assert turn.loading(scoreboard, 2) == 2


def test_the_next_one_waits_until_one_before_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    scoreboard = Scoreboard(2, 1)
    started(scoreboard, 0, 1)
    monkeypatch.setattr(turn, "processors", lambda: 1)
    monkeypatch.setattr(turn, "ROUND", 600.0)
    seen: list[int] = []
    looked = threading.Event()

    def looks(scoreboard: Scoreboard, slot: int) -> int:
        seen.append(loading(scoreboard, slot))
        if len(seen) == 3:
            looked.set()
        return seen[-1]

    loading = turn.loading
    monkeypatch.setattr(turn, "loading", looks)
    waiting = threading.Thread(target=turn.wait, args=(scoreboard, 1))
    waiting.start()
    assert looked.wait(PATIENCE)
    scoreboard.mark_ready(0)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert set(seen[:-1]) == {1}
    assert seen[-1] == 0


def test_it_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    scoreboard = Scoreboard(2, 1)
    started(scoreboard, 0, 1)
    monkeypatch.setattr(turn, "processors", lambda: 1)
    monkeypatch.setattr(turn, "ROUND", 0.0)
    turn.wait(scoreboard, 1)
    assert turn.loading(scoreboard, 1) == 1


def test_processors() -> None:
    allowed = getattr(os, "sched_getaffinity", lambda _pid: range(os.cpu_count() or 1))
    assert turn.processors() == len(allowed(0))
