"""The master's loop."""

from __future__ import annotations

import os

from licorne.master.loop import Loop


def test_an_event_of_a_closed_descriptor_is_not_that_of_its_successor() -> None:
    loop = Loop()
    pipes = [os.pipe() for _ in range(3)]
    (first, _), (second, _), (third, _) = pipes
    heard: list[str] = []

    def replace(_mask: int) -> None:
        os.read(first, 1)
        loop.unwatch(second)
        os.dup2(third, second)
        loop.watch(second, lambda _mask: heard.append("successor"))

    loop.watch(first, replace)
    loop.watch(second, lambda _mask: heard.append("second"))
    for _, writer in pipes[:2]:
        os.write(writer, b"x")
    loop.wait(0)
    # The second one may have been told before it was replaced; its successor has nothing to read.
    assert "successor" not in heard
    os.write(pipes[2][1], b"x")
    loop.wait(0)
    assert heard[-1:] == ["successor"]
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)
