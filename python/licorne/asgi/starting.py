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

    from licorne._engine import FirstStep

    Task = asyncio.Task[object]
    Coro = Coroutine[object, object, object]

    class Start(Protocol):
        """Makes the task of a coroutine and runs its first step."""

        def __call__(self, coro: Coro, *, context: Context) -> Task:
            """Called in a callback of the running loop, never inside of a task."""


#: Tasks can run their first step by themselves.
EAGER = sys.version_info >= (3, 12)
#: Tasks can be given a context.
TAKES_CONTEXT = sys.version_info >= (3, 11)


class Starter:
    """Starts tasks on one loop, as that is set at the time.

    SystemExit and KeyboardInterrupt of a first step come out of the call, as they come out of
    `run_forever` from every later step.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._get_factory = loop.get_task_factory
        self._get_debug = loop.get_debug
        self._is_running = loop.is_running
        #: Before 3.12: a new task schedules its first step with `call_soon`; it is run instead.
        self._first_step: FirstStep | None = None
        self._usual: Start = self._by_create_task
        if EAGER:
            self._usual = partial(asyncio.Task, loop=loop, eager_start=True)  # type: ignore[call-arg]
        elif hasattr(loop, "__dict__"):
            # A loop may have no room for attributes of its own.
            from licorne._engine import FirstStep  # noqa: PLC0415 - after the fork

            self._usual = self._first_step = FirstStep(loop)
        #: What `choose` gives where first steps run at once; None if they never do.
        self.at_once = None if self._usual == self._by_create_task else self._usual

    def choose(self) -> Start:
        """How tasks are to be started now: an answer for one turn of the engine.

        The application may set a task factory or the debug mode at any time, and expects its
        factory to be called, and slow steps to be told with the name of their task. Outside of
        `run_forever` a step would find no running loop.
        """
        if self._get_factory() is not None or self._get_debug() or not self._is_running():
            return self._by_create_task
        if self._first_step is not None and self._first_step.hindered:
            # A tool has its own `call_soon` there, and would miss the step.
            return self._by_create_task
        return self._usual

    def __call__(self, coro: Coro, *, context: Context) -> Task:
        """Make the task of a coroutine, and run its first step if the loop allows for that."""
        return self.choose()(coro, context=context)

    def _by_create_task(self, coro: Coro, *, context: Context) -> Task:
        if TAKES_CONTEXT and self._get_factory() is None:
            return self._loop.create_task(coro, context=context)  # type: ignore[call-arg]
        # A copy of it, by running inside: many factories have no such argument.
        return context.run(self._loop.create_task, coro)


def starter(loop: asyncio.AbstractEventLoop) -> Starter:
    """What starts the tasks of requests on a loop: `start(coro, context=context)`."""
    return Starter(loop)
