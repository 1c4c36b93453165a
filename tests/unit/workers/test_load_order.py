"""Which of the workers that start together load the application first."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, cast

from licorne._engine import Scoreboard
from licorne.workers import load_order
from patience import PATIENCE

if TYPE_CHECKING:
    import pytest


def started(scoreboard: Scoreboard, *slots: int) -> None:
    """Workers that load in these slots; all of them are this process."""
    for slot in slots:
        scoreboard.reset(slot)
        scoreboard.claim(slot)


class Looks:
    """A scoreboard that remembers what was seen on it."""

    def __init__(self, scoreboard: Scoreboard) -> None:
        self._scoreboard = scoreboard
        self.seen: list[int] = []
        self.several = threading.Event()

    def loading_before(self, slot: int) -> int:
        self.seen.append(self._scoreboard.loading_before(slot))
        if len(self.seen) == 3:
            self.several.set()
        return self.seen[-1]


def test_those_that_load_and_were_started_before_count() -> None:
    scoreboard = Scoreboard(5, 1)
    started(scoreboard, 0, 1, 2, 4)
    scoreboard.mark_ready(1)
    assert [scoreboard.loading_before(slot) for slot in range(5)] == [0, 1, 1, 2, 2]


def test_one_for_each_processor_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    scoreboard = Scoreboard(4, 1)
    started(scoreboard, 0, 1, 2)
    monkeypatch.setattr(load_order, "processors", lambda: 3)
    monkeypatch.setattr(load_order, "ROUND", 600.0)
    load_order.await_turn(scoreboard, 2)
    assert scoreboard.loading_before(2) == 2


def test_the_next_one_waits_until_one_before_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    scoreboard = Scoreboard(2, 1)
    started(scoreboard, 0, 1)
    monkeypatch.setattr(load_order, "processors", lambda: 1)
    monkeypatch.setattr(load_order, "ROUND", 600.0)
    looks = Looks(scoreboard)
    waiting = threading.Thread(target=load_order.await_turn, args=(cast("Scoreboard", looks), 1))
    waiting.start()
    assert looks.several.wait(PATIENCE)
    scoreboard.mark_ready(0)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert set(looks.seen[:-1]) == {1}
    assert looks.seen[-1] == 0


def test_it_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    scoreboard = Scoreboard(2, 1)
    started(scoreboard, 0, 1)
    monkeypatch.setattr(load_order, "processors", lambda: 1)
    monkeypatch.setattr(load_order, "ROUND", 0.0)
    load_order.await_turn(scoreboard, 1)
    assert scoreboard.loading_before(1) == 1


def test_processors() -> None:
    allowed = getattr(os, "sched_getaffinity", lambda _pid: range(os.cpu_count() or 1))
    assert load_order.processors() == len(allowed(0))
