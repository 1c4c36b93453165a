"""The first step of a task runs at once and sees what every later step sees, on every loop."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from licorne.asgi.loops import new_loop
from licorne.asgi.starting import starter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from licorne.asgi.starting import Start

    Coro = Coroutine[object, object, object]

NAME = contextvars.ContextVar("name", default="nothing")
PATIENCE = 20


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    made = new_loop(request.param)
    yield made
    made.close()


class Started:
    """What had happened when `start` returned, and the task."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, coro: Coro, start: Start | None = None
    ) -> None:
        start = start or starter(loop)
        self.task: asyncio.Task[object]
        self.done = False
        self.failure: BaseException | None = None

        def callback() -> None:
            context = contextvars.copy_context()
            context.run(NAME.set, "of the request")
            try:
                self.task = start(coro, context=context)
            except BaseException as error:
                self.failure = error
                loop.stop()
                return
            self.done = self.task.done()
            self.task.add_done_callback(lambda _: loop.stop())

        loop.call_soon(callback)
        guard = loop.call_later(PATIENCE, loop.stop)
        loop.run_forever()
        guard.cancel()


def test_it_ends_in_the_first_step(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[object] = []

    async def request() -> str:
        seen.extend([asyncio.current_task(), NAME.get(), asyncio.get_running_loop()])
        NAME.set("of this request alone")
        return "answer"

    started = Started(loop, request())
    assert started.done
    assert seen == [started.task, "of the request", loop]
    assert type(started.task) is asyncio.Task
    assert started.task.result() == "answer"
    assert NAME.get() == "nothing"


def test_the_first_step_runs_at_once(loop: asyncio.AbstractEventLoop) -> None:
    order = []

    async def request() -> None:
        order.append("step")

    def callback() -> None:
        starter(loop)(request(), context=contextvars.copy_context())
        order.append("started")
        loop.call_soon(loop.stop)

    loop.call_soon(callback)
    loop.run_forever()
    assert order == ["step", "started"]


def test_the_task_is_the_same_after_each_wait(loop: asyncio.AbstractEventLoop) -> None:
    tasks = []

    async def request() -> None:
        token = NAME.set("inside")
        for _ in range(3):
            tasks.append(asyncio.current_task())
            assert NAME.get() == "inside"
            await asyncio.sleep(0)
        NAME.reset(token)
        assert NAME.get() == "of the request"

    started = Started(loop, request())
    assert not started.done
    assert tasks == [started.task] * 3
    assert started.task.result() is None


def test_timeout_in_the_first_step(loop: asyncio.AbstractEventLoop) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.timeout is of 3.11")

    async def request() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(PATIENCE)
        except TimeoutError:
            return "too late"
        return "never"

    assert Started(loop, request()).task.result() == "too late"


def test_task_group_in_the_first_step(loop: asyncio.AbstractEventLoop) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.TaskGroup is of 3.11")

    async def child(number: int) -> str:
        await asyncio.sleep(0)
        return f"{number} {NAME.get()}"

    async def request() -> list[str]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(child(number)) for number in range(3)]
        return [task.result() for task in tasks]

    expected = [f"{number} of the request" for number in range(3)]
    assert Started(loop, request()).task.result() == expected


def test_anyio_in_the_first_step(loop: asyncio.AbstractEventLoop) -> None:
    done = []

    async def child() -> None:
        await anyio.lowlevel.checkpoint()
        done.append(NAME.get())

    async def request() -> bool:
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep(PATIENCE)
        async with anyio.create_task_group() as group:
            group.start_soon(child)
        return scope.cancelled_caught

    assert Started(loop, request()).task.result() is True
    assert done == ["of the request"]


def test_threads_in_the_first_step(loop: asyncio.AbstractEventLoop) -> None:
    async def request() -> str:
        return await anyio.to_thread.run_sync(NAME.get)

    assert Started(loop, request()).task.result() == "of the request"
    loop.run_until_complete(loop.shutdown_default_executor())


@pytest.mark.parametrize("waits", [False, True])
def test_an_exception_is_the_tasks(loop: asyncio.AbstractEventLoop, waits: bool) -> None:
    async def request() -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError("x")

    started = Started(loop, request())
    assert started.failure is None
    assert isinstance(started.task.exception(), KeyError)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_leaves_comes_out(loop: asyncio.AbstractEventLoop, error: BaseException) -> None:
    tasks: list[asyncio.Task[object] | None] = []

    async def request() -> None:
        tasks.append(asyncio.current_task())
        raise error

    started = Started(loop, request())
    assert started.failure is error
    (task,) = tasks
    assert task is not None
    assert task.exception() is error


@pytest.mark.parametrize("catches", [False, True])
def test_cancelling(loop: asyncio.AbstractEventLoop, catches: bool) -> None:
    async def request() -> str:
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        loop.call_soon(tasks[0].cancel)
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            if catches:
                return "caught"
            raise
        return "never"

    tasks: list[asyncio.Task[object]] = []
    started = Started(loop, request())
    assert started.task.cancelled() is not catches
    if catches:
        assert started.task.result() == "caught"


def test_cancelled_in_its_first_step(loop: asyncio.AbstractEventLoop) -> None:
    async def request() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(PATIENCE)

    assert Started(loop, request()).task.cancelled()


def test_two_share_no_context(loop: asyncio.AbstractEventLoop) -> None:
    async def request(number: int) -> list[str]:
        seen = [NAME.get()]
        NAME.set(f"of request {number}")
        await asyncio.sleep(0)
        return [*seen, NAME.get()]

    start = starter(loop)
    base = contextvars.copy_context()
    tasks: list[asyncio.Task[object]] = []

    def turn() -> None:
        tasks.extend(start(request(number), context=base.copy()) for number in range(2))
        assert asyncio.current_task() is None

    async def main() -> list[object]:
        loop.call_soon(turn)
        await asyncio.sleep(0)
        return await asyncio.gather(*tasks)

    found = loop.run_until_complete(main())
    assert found == [["nothing", f"of request {number}"] for number in range(2)]


#: What the factories have made.
MADE: list[asyncio.Task[object]] = []


def old(loop: asyncio.AbstractEventLoop, coro: Coro) -> asyncio.Task[object]:
    """A factory as most are: without a context, or anything else."""
    MADE.append(asyncio.Task(coro, loop=loop))
    return MADE[-1]


def new(loop: asyncio.AbstractEventLoop, coro: Coro, **options: object) -> asyncio.Task[object]:
    """A factory for all versions."""
    MADE.append(asyncio.Task(coro, loop=loop, **options))  # type: ignore[arg-type]
    return MADE[-1]


@pytest.mark.parametrize("factory", [old, new])
def test_a_factory_of_the_users(
    loop: asyncio.AbstractEventLoop, factory: Callable[..., asyncio.Task[object]]
) -> None:
    if factory is old and type(loop).__module__ == "uvloop":
        pytest.skip("uvloop calls all factories with a context")

    async def request() -> str:
        return NAME.get()

    start = starter(loop)
    assert Started(loop, request(), start).task not in MADE
    loop.set_task_factory(factory)
    started = Started(loop, request(), start)
    assert started.task in MADE
    assert started.task.result() == "of the request"
    loop.set_task_factory(None)
    assert Started(loop, request(), start).task not in MADE


def test_debug_mode(loop: asyncio.AbstractEventLoop) -> None:
    async def request() -> str:
        await asyncio.sleep(0)
        return NAME.get()

    start = starter(loop)
    usual = start.choose()
    loop.set_debug(True)
    assert start.choose() is not usual
    assert Started(loop, request(), start).task.result() == "of the request"
    loop.set_debug(False)
    assert start.choose() == usual


def test_before_the_loop_runs(loop: asyncio.AbstractEventLoop) -> None:
    """The step waits for the loop: it would find none running."""

    async def request() -> object:
        return asyncio.get_running_loop()

    task = starter(loop)(request(), context=contextvars.copy_context())
    assert not task.done()
    assert loop.run_until_complete(task) is loop


def test_what_is_no_coroutine_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    started = Started(loop, object())  # type: ignore[arg-type]
    assert isinstance(started.failure, TypeError)
    assert "call_soon" not in vars(loop)


def test_call_soon_of_a_tool_is_kept(loop: asyncio.AbstractEventLoop) -> None:
    called = []
    real = loop.call_soon

    def call_soon(callback: Callable[..., object], *args: object, **options: object) -> object:
        called.append(callback)
        return real(callback, *args, **options)  # type: ignore[arg-type]

    loop.call_soon = call_soon  # type: ignore[assignment, method-assign]

    async def request() -> str:
        await asyncio.sleep(0)
        return "answer"

    assert Started(loop, request()).task.result() == "answer"
    assert called
    assert vars(loop)["call_soon"] is call_soon


def test_what_else_is_scheduled_meanwhile_is_not_lost(loop: asyncio.AbstractEventLoop) -> None:
    """A finalizer or a signal handler may run in the middle of it, and call or start something."""
    seen: list[str] = []
    tasks: list[asyncio.Task[object]] = []

    async def other() -> None:
        seen.append("task")

    async def request() -> str:
        seen.append("request")
        await asyncio.sleep(0.01)
        return "answer"

    original = loop.get_debug
    start = starter(loop)

    def get_debug() -> bool:
        # Called by the task that is being made.
        if not tasks:
            loop.get_debug = original  # type: ignore[method-assign]
            loop.call_soon(seen.append, "call")
            tasks.append(loop.create_task(other()))
        return original()

    def starts(coro: Coro, *, context: contextvars.Context) -> asyncio.Task[object]:
        loop.get_debug = get_debug  # type: ignore[method-assign]
        return start(coro, context=context)

    started = Started(loop, request(), starts)
    assert started.task.result() == "answer"
    assert sorted(seen) == ["call", "request", "task"]
    assert seen[0] == "request"


def test_a_loop_without_room_for_attributes() -> None:
    class Slotted(asyncio.SelectorEventLoop):
        def __getattribute__(self, name: str) -> object:
            if name == "__dict__":
                raise AttributeError(name)
            return super().__getattribute__(name)

    loop = Slotted()

    async def request() -> str:
        return NAME.get()

    assert Started(loop, request()).task.result() == "of the request"
    loop.close()
