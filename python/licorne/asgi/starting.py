"""How the task of a request begins: its first step runs at once, without a trip through the loop.

The tasks are genuine `asyncio.Task`s: sniffio, anyio, `asyncio.timeout` and contextvars see in the
first step what they see in every other one.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Context
    from typing import Protocol

    from licorne.asgi.types import Called

    Task = asyncio.Task[object]
    Coro = Coroutine[object, object, object]

    class Start(Protocol):
        """Makes the task of a coroutine and runs its first step."""

        def __call__(self, coro: Coro, *, context: Context) -> Task:
            """Called in a callback of the running loop, never inside of a task."""


#: Tasks can run their first step by themselves.
EAGER = sys.version_info >= (3, 12)


class Starter:
    """Starts tasks on one loop, as that is set at the time.

    SystemExit and KeyboardInterrupt of a first step come out of the call, as they come out of
    `run_forever` from every later step.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._get_factory = loop.get_task_factory
        self._get_debug = loop.get_debug
        self._usual: Start = self._usual_way()

    def choose(self) -> Start:
        """How tasks are to be started now: an answer for one turn of the engine.

        The application may set a task factory or the debug mode at any time, and expects its
        factory to be called, and slow steps to be told with the name of their task.
        """
        if self._get_factory() is not None or self._get_debug():
            return self._by_create_task
        return self._usual

    def __call__(self, coro: Coro, *, context: Context) -> Task:
        """Make the task of a coroutine, and run its first step if the loop allows for that."""
        return self.choose()(coro, context=context)

    def _usual_way(self) -> Start:
        if EAGER:
            return partial(asyncio.Task, loop=self._loop, eager_start=True)  # type: ignore[call-arg]
        # A loop may have no room for attributes of its own.
        self._attributes: dict[str, object] = getattr(self._loop, "__dict__", {})
        return self._by_first_step if hasattr(self._loop, "__dict__") else self._by_create_task

    def _by_create_task(self, coro: Coro, *, context: Context) -> Task:
        # Inside of the context and not by an argument: 3.10 has none, nor have many factories.
        return context.run(self._loop.create_task, coro)

    def _by_first_step(self, coro: Coro, *, context: Context) -> Task:
        """Before 3.12: a new task schedules its first step with `call_soon`; it is run instead."""
        loop, attributes = self._loop, self._attributes
        if not loop.is_running() or "call_soon" in attributes:
            # The step would find no running loop; or a tool, which has its own `call_soon` there,
            # would miss it.
            return self._by_create_task(coro, context=context)
        call_soon = loop.call_soon
        first: list[tuple[Called, Context]] = []

        def capture(callback: Called, *args: object, context: Context | None = None) -> object:
            if context is None or _coroutine_of(callback) is not coro:
                # A finalizer's, or a signal handler's.
                return call_soon(callback, *args, context=context)
            first.append((callback, context))
            return None

        attributes["call_soon"] = capture
        try:
            task: Task = context.run(asyncio.Task, coro, loop=loop)
        finally:
            del attributes["call_soon"]
        for step, inner in first:
            inner.run(step)
        return task


def _coroutine_of(step: object) -> object:
    """The coroutine of which a callback is a step, if it is one."""
    task = getattr(step, "__self__", None)
    return task.get_coro() if isinstance(task, asyncio.Task) else None


def starter(loop: asyncio.AbstractEventLoop) -> Starter:
    """What starts the tasks of requests on a loop: `start(coro, context=context)`."""
    return Starter(loop)
