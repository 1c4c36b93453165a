"""What a master and its mold say to each other."""

from __future__ import annotations

import pytest

from licorne.preload.mold import LONGEST, Answer, Order, View


@pytest.mark.parametrize("workers", [[], [(101, 1, True)], [(101, 1, False), (99, 2, True)]])
@pytest.mark.parametrize("pending", [[], [3], [3, 4]])
def test_a_view(workers: list[tuple[int, int, bool]], pending: list[int]) -> None:
    view = Order.decode(
        Order(5, 0, 0, handover=False, view=View(7, workers, pending)).encode()
    ).view
    assert (view.target, view.workers, view.pending) == (7, workers, pending)


def test_an_order() -> None:
    made = Order(age=3, slot=0, socket_set=2, redirects=1, handover=True, view=View(4))
    order = Order.decode(made.encode())
    assert (order.age, order.slot, order.socket_set, order.redirects) == (3, 0, 2, 1)


@pytest.mark.parametrize(("pid", "reason"), [(17, ""), (0, "no such file: 'ä b'")])
def test_an_answer(pid: int, reason: str) -> None:
    answer = Answer.decode(Answer(5, pid, reason).encode())
    assert (answer.age, answer.pid, answer.reason) == (5, pid, reason)


def test_an_answer_fits_a_message() -> None:
    long = Answer(5, 0, "ä" * LONGEST).encode()
    assert len(long) <= LONGEST
    assert Answer.decode(long).reason.startswith("ää")


@pytest.mark.parametrize("message", [b"", b"fork", b"fork 1 2 3 4", b"spoon 1 2 3 4 - -"])
def test_what_is_no_order(message: bytes) -> None:
    with pytest.raises(ValueError, match="order"):
        Order.decode(message)


def test_what_is_no_answer() -> None:
    with pytest.raises(ValueError, match="answer"):
        Answer.decode(b"gone 1 2 ")
