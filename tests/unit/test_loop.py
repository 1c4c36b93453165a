"""The master's loop."""

from __future__ import annotations

import os

from licorne.loop import Loop


def test_an_event_of_a_closed_descriptor_is_not_that_of_its_successor() -> None:
    loop = Loop()
    pipes = [os.pipe() for _ in range(3)]
    (first, _), (second, _), (third, _) = pipes
    heard: list[str] = []

    def replace(_mask: int) -> None:
        loop.unwatch(second)
        os.dup2(third, second)
        loop.watch(second, lambda _mask: heard.append("successor"))

    loop.watch(first, replace)
    loop.watch(second, lambda _mask: heard.append("second"))
    for _, writer in pipes[:2]:
        os.write(writer, b"x")
    loop.wait(0)
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)
    # Whoever of the two was first.
    assert heard in ([], ["second"])
