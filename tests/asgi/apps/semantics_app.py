"""What applications rely on of asyncio: tasks, contexts, cancellation, waiting."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import weakref
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import sniffio
from routes import Receive, Routes, Scope, Send, answer, gate, lifespan, tell, token, whole

if TYPE_CHECKING:
    from collections.abc import Callable

seen: ContextVar[str] = ContextVar("seen", default="nothing")
started: ContextVar[str] = ContextVar("started", default="not started")


class Semantics(Routes):
    """The routes below; the start of the application sets a variable of its context."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the variable, once, before all requests."""
        if scope["type"] == "lifespan":
            started.set("at the start")
            await lifespan(receive, send)
        else:
            await super().__call__(scope, receive, send)


application = Semantics()


@application.on("/task")
async def task(_scope: Scope, receive: Receive, send: Send) -> None:
    """The current task before and after every kind of await."""
    tasks = [asyncio.current_task()]
    await receive()
    tasks.append(asyncio.current_task())
    await asyncio.sleep(0)
    tasks.append(asyncio.current_task())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    tasks.append(asyncio.current_task())
    await asyncio.sleep(0.001)
    tasks.append(asyncio.current_task())
    first = tasks[0]
    same = all(each is first for each in tasks)
    genuine = isinstance(first, asyncio.Task) and first in asyncio.all_tasks()
    body = f"{same} {genuine} {first is not None and not first.done()}".encode()
    await send({"type": "http.response.body", "body": body})


@application.on("/context")
async def context(scope: Scope, receive: Receive, send: Send) -> None:
    """A variable over awaits, and its reset with a token of before."""
    values = [seen.get()]
    mark = seen.set(token(scope))
    await receive()
    values.append(seen.get())
    await asyncio.sleep(0.001)
    values.append(seen.get())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    values.append(seen.get())
    values.append(await asyncio.create_task(_read_seen()))
    seen.reset(mark)
    values.append(seen.get())
    # And left behind for the request that comes next, which must not find it.
    seen.set("left behind")
    await send({"type": "http.response.body", "body": " ".join(values).encode()})


async def _read_seen() -> str:
    return seen.get()


@application.on("/started")
async def show_started(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What the start-up of the application left in the context."""
    await answer(send, started.get() + " " + copy_context().get(started, "-"))


#: Tasks, references to tasks and callbacks of requests that have ended.
LEFT: list[object] = []


@application.on("/leave")
async def leave(scope: Scope, _receive: Receive, send: Send) -> None:
    """Ends with its first step, and leaves something on its task."""
    task = asyncio.current_task()
    assert task is not None
    match scope["query_string"]:
        case b"name":
            task.set_name("left behind")
        case b"attribute":
            task.left_behind = True  # type: ignore[attr-defined]
        case b"reference":
            LEFT.append(task)
        case b"weak-reference":
            LEFT.append(weakref.ref(task, LEFT.append))
        case b"callback":
            task.add_done_callback(lambda _: LEFT.append("called"))
        case b"cancellation":
            task.cancel()
        case b"variable":
            seen.set("left behind")
    await answer(send, "left")


@application.on("/find")
async def find(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What its task has of other requests, from its first step on."""
    task = asyncio.current_task()
    assert task is not None
    found = [task.get_name() == "left behind", hasattr(task, "left_behind"), task in LEFT]
    found += [each() is task for each in LEFT if isinstance(each, weakref.ref)]
    found.append(seen.get() != "nothing")
    await asyncio.sleep(0)
    await answer(send, f"{any(found)} {LEFT.count('called')}")


@application.on("/frames")
async def frames(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Its task to what looks at it, in its first step and later."""
    task = asyncio.current_task()
    assert task is not None
    names = [task.get_coro().__qualname__, task.get_stack()[-1].f_code.co_name]
    await asyncio.sleep(0)
    names += [task.get_coro().__qualname__, task.get_stack()[-1].f_code.co_name]
    await answer(send, " ".join(names))


@application.on("/overlapping")
async def overlapping(scope: Scope, _receive: Receive, send: Send) -> None:
    """A variable while other requests set it, too: it waits at the gate."""
    before = seen.get()
    seen.set(token(scope))
    tell(token(scope), "waits")
    await gate(token(scope)).wait()
    await answer(send, f"{before} {seen.get()}")


@application.on("/first-step")
async def first_step(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Libraries that ask for the task, before the first await."""
    library = sniffio.current_async_library()
    with anyio.CancelScope() as cancelled:
        cancelled.cancel()
        await anyio.sleep(10)
    with anyio.move_on_after(0.001) as moved:
        await anyio.sleep_forever()
    done = []
    async with anyio.create_task_group() as group:
        group.start_soon(_note, done, 1)
        group.start_soon(_note, done, 2)
    in_thread = await anyio.to_thread.run_sync(lambda: "thread")
    words = [library, cancelled.cancelled_caught, moved.cancelled_caught, sorted(done), in_thread]
    await answer(send, repr(words))


@application.on("/first-step-group")
async def first_step_group(_scope: Scope, _receive: Receive, send: Send) -> None:
    """A task group of anyio as the very first thing."""
    done: list[int] = []
    async with anyio.create_task_group() as group:
        group.start_soon(_note, done, 1)
    await answer(send, repr(done))


async def _note(done: list[int], number: int) -> None:
    await anyio.lowlevel.checkpoint()
    done.append(number)


if sys.version_info >= (3, 11):

    @application.on("/timeout")
    async def timeout(_scope: Scope, _receive: Receive, send: Send) -> None:
        """`asyncio.timeout` and TaskGroup as the very first things."""
        words = []
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(10)
        except TimeoutError:
            words.append("timed out")
        async with asyncio.TaskGroup() as group:
            one = group.create_task(asyncio.sleep(0, "one"))
            two = group.create_task(asyncio.sleep(0, "two"))
        words += [one.result(), two.result()]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_fail())
                await asyncio.sleep(10)
        except ExceptionGroup as error:  # noqa: F821 - of Python 3.11
            words.append(str(error.exceptions[0]))
        task = asyncio.current_task()
        words.append(str(task is not None and task.cancelling()))
        await answer(send, repr(words))


async def _fail() -> None:
    raise ValueError("failed")


@application.on("/wait-for")
async def wait_for(scope: Scope, receive: Receive, send: Send) -> None:
    """`receive` that times out while there is nothing; then the body, whole."""
    first = await receive()
    timeouts = 0
    while timeouts < 3:
        try:
            await asyncio.wait_for(receive(), 0.001)
        except asyncio.TimeoutError:
            timeouts += 1
    tell(token(scope), "timed out")
    body = first["body"]
    more = first["more_body"]
    while more:
        with contextlib.suppress(asyncio.TimeoutError):
            event = await asyncio.wait_for(receive(), 0.0005)
            body += event["body"]
            more = event["more_body"]
    await answer(send, body)


@application.on("/gather")
async def gather(_scope: Scope, receive: Receive, send: Send) -> None:
    """`receive` and others at once."""
    event, slept, third = await asyncio.gather(
        receive(), asyncio.sleep(0.001, "slept"), _read_seen()
    )
    await answer(send, f"{event['type']} {slept} {third}")


@application.on("/tasks")
async def tasks(_scope: Scope, receive: Receive, send: Send) -> None:
    """`receive` and `send` as tasks."""
    event = await asyncio.create_task(receive())
    start = {"type": "http.response.start", "status": 200, "headers": []}
    await asyncio.create_task(send(start))
    first = asyncio.create_task(
        send({"type": "http.response.body", "body": b"first ", "more_body": True})
    )
    await asyncio.wait({first})
    body = event["type"].encode()
    second = asyncio.ensure_future(send({"type": "http.response.body", "body": body}))
    await asyncio.shield(second)


@application.on("/by-hand")
async def by_hand(_scope: Scope, receive: Receive, send: Send) -> None:
    """`receive` and `send`, awaited under a tracer, and by their methods."""
    sys.settrace(lambda *_: None)
    try:
        said = [(await receive())["type"]]
    finally:
        sys.settrace(None)
    waiting = receive()
    said.append(str(asyncio.isfuture(waiting.send(None))))
    waiting.close()
    start = {"type": "http.response.start", "status": 200, "headers": []}
    more = {"type": "http.response.body", "body": b"", "more_body": True}
    said.append(_ended(lambda: next(send(start).__await__())))
    said.append(_ended(lambda: send(more).send(None)))
    said.append(_ended(lambda: next(send({"type": "unknown"}).__await__())))
    sys.settrace(lambda *_: None)
    try:
        await send({"type": "http.response.body", "body": " ".join(said).encode()})
    finally:
        sys.settrace(None)


def _ended(step: Callable[[], object]) -> str:
    """How a step of a coroutine has ended it."""
    try:
        return f"waits for {step()}"
    except StopIteration as ended:
        return repr(ended.value)
    except ValueError:
        return "refused"


@application.on("/functions")
async def functions(_scope: Scope, receive: Receive, send: Send) -> None:
    """What `receive` and `send` are to code that inspects them."""
    waited = receive()
    # As asgiref: `inspect` knows marked callables from 3.12 on.
    of = inspect if sys.version_info >= (3, 12) else asyncio
    words = [
        inspect.isawaitable(waited),
        of.iscoroutinefunction(receive),
        of.iscoroutinefunction(send),
    ]
    await waited
    await answer(send, repr(words))


@application.on("/after-the-body")
async def after_the_body(scope: Scope, receive: Receive, send: Send) -> None:
    """`receive` waits after the body, and gives the disconnect when the client has left."""
    await whole(receive)
    waiting = asyncio.ensure_future(receive())
    for _ in range(20):
        await asyncio.sleep(0)
    tell(token(scope), "waiting", waiting.done())
    event = await waiting
    tell(token(scope), "received", event["type"])
    with contextlib.suppress(OSError):
        await answer(send, b"too late")
    tell(token(scope), "ended")


@application.on("/after-the-end")
async def after_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    """`receive` after the response: the disconnect, and no other event."""
    await whole(receive)
    await answer(send, b"answered")
    event = await receive()
    tell(token(scope), "then", event["type"])


@application.on("/two-receive")
async def two_receive(scope: Scope, receive: Receive, send: Send) -> None:
    """Events as a listener beside the response sees them (Starlette before 2.4 does so)."""
    await whole(receive)
    types: list[str] = []

    async def listen() -> None:
        while not types or types[-1] != "http.disconnect":
            event = await receive()
            types.append(event["type"])

    listener = asyncio.create_task(listen())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    tell(token(scope), "begun")
    await listener
    tell(token(scope), "events", *types)


@application.on("/sleeper")
async def sleeper(scope: Scope, receive: Receive, send: Send) -> None:
    """Sleep for ever, with something to free at the end."""
    await whole(receive)
    tell(token(scope), "sleeps")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        tell(token(scope), "cancelled")
        raise
    finally:
        tell(token(scope), "freed")
    await answer(send, b"")


@application.on("/background")
async def background(scope: Scope, _receive: Receive, send: Send) -> None:
    """Go on after the response; the connection is free meanwhile."""
    await answer(send, b"answered")
    await gate(token(scope)).wait()
    tell(token(scope), "background", seen.get())


@application.on("/generator")
async def generator(scope: Scope, _receive: Receive, send: Send) -> None:
    """An asynchronous generator that is closed when its client has left."""

    async def numbers() -> object:
        try:
            while True:
                yield bytes(65536)
        finally:
            tell(token(scope), "closed")

    await send({"type": "http.response.start", "status": 200, "headers": []})
    blocks = numbers()
    try:
        async for block in blocks:
            await send({"type": "http.response.body", "body": block, "more_body": True})
            # The reference says nothing when the client has left.
            await asyncio.sleep(0)
            if gate(token(scope)).is_set():
                break
    finally:
        await blocks.aclose()


@application.on("/listener")
async def listener(scope: Scope, receive: Receive, send: Send) -> None:
    """One task listens for the disconnect and ends another one that sends (as in Django)."""
    await whole(receive)

    async def blocks() -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            # Without ever waiting by itself.
            while True:
                await send({"type": "http.response.body", "body": bytes(1000), "more_body": True})
        except BaseException as error:
            tell(token(scope), "sender", type(error).__name__)
            raise

    sender = asyncio.create_task(blocks())
    event = await receive()
    sender.cancel()
    await asyncio.wait({sender})
    tell(token(scope), event["type"])


@application.on("/ping")
async def ping(_scope: Scope, _receive: Receive, send: Send) -> None:
    """A short answer."""
    await answer(send, b"pong")


class Factory(Routes):
    """An application that sets a task factory when it starts."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[asyncio.Task[object]] = []
        self.handlers["/"] = self.show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the factory at the start."""
        if scope["type"] == "lifespan":
            asyncio.get_running_loop().set_task_factory(self.factory)
        await super().__call__(scope, receive, send)

    def factory(
        self, loop: asyncio.AbstractEventLoop, work: object, **named: object
    ) -> asyncio.Task[object]:
        """A task that is noted."""
        task = asyncio.Task(work, loop=loop, **named)
        self.made.append(task)
        return task

    async def show(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Whether the task of this request was made by the factory."""
        await answer(send, str(asyncio.current_task() in self.made))


factory = Factory()
