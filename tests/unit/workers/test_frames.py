"""Stacks on their way from a worker to the master."""

from __future__ import annotations

import sys

from licorne.workers.frames import MOST_AT_ONCE, MOST_FRAMES, Stack, parsed, written


def carried(stack: Stack) -> Stack:
    return parsed(written(stack).decode("ascii"))


def test_frames_arrive_in_order() -> None:
    stack = Stack((("/a b.py", 1, "<module>"), ("/b.py", 20, "<lambda>")))
    assert carried(stack).frames == stack.frames
    assert written(stack).splitlines()[0] == b'  File "/b.py", line 20 in <lambda>'


def test_why_there_are_none_arrives() -> None:
    assert carried(Stack(missing="the client reads slowly")).missing == "the client reads slowly"
    assert carried(Stack()).missing == "the thread runs no Python code"


def test_names_are_one_line_of_ascii() -> None:
    ((file, _, function),) = carried(Stack((("/\xe9\n\r.py", 1, "\u4e00"),))).frames
    assert (file, function) == ("/\\xe9\\x0a\\x0d.py", "\\u4e00")


def test_the_most_recent_frames_of_a_deep_stack() -> None:
    deep = Stack(tuple(("/a.py", number, "f") for number in range(1000)))
    assert carried(deep).frames == deep.frames[-MOST_FRAMES:]


def test_it_fits_into_a_pipe() -> None:
    wide = Stack((("x" * 10_000, 1, "y" * 10_000),) * 1000)
    assert MOST_AT_ONCE - 2000 < len(written(wide)) <= MOST_AT_ONCE + 100
    assert written(wide).endswith(b"  ...\n  <end>\n")


def test_a_frame_with_its_callers() -> None:
    frames = Stack.of(sys._getframe()).frames
    assert frames[-1][2] == "test_a_frame_with_its_callers"
    assert Stack.of(None).frames == ()
