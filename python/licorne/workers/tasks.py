"""Tasks of an asyncio loop: which ones a call begins, and where one waits."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

from licorne.workers.frames import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator
    from types import FrameType

    Task = asyncio.Task[object]
    Coro = Coroutine[object, object, object] | Generator[object, object, object]


@contextmanager
def seen(loop: asyncio.AbstractEventLoop, see: Callable[[Task], None]) -> Iterator[None]:
    """Have `see` called with each task that is made meanwhile; nothing may be awaited inside."""
    factory = loop.get_task_factory()

    def make(on: asyncio.AbstractEventLoop, coro: Coro, **options: object) -> Task:
        if factory is None:
            task: Task = asyncio.Task(coro, loop=on, **options)  # type: ignore[arg-type]
        else:
            task = factory(on, coro, **options)  # type: ignore[assignment]
        see(task)
        return task

    loop.set_task_factory(make)  # type: ignore[arg-type]
    try:
        yield
    finally:
        loop.set_task_factory(factory)


def stack(task: Task) -> Stack:
    """The stack of a task, from its outermost coroutine to where it waits."""
    frames: list[tuple[str, int, str]] = []
    coro: object = task.get_coro()
    while coro is not None:
        frame: FrameType | None = getattr(coro, "cr_frame", None) or getattr(coro, "gi_frame", None)
        if frame is None:
            break
        frames.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        coro = getattr(coro, "cr_await", None) or getattr(coro, "gi_yieldfrom", None)
    return Stack(tuple(frames), missing="" if frames else "the task has ended")
