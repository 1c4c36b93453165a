"""The lifespan protocol: every order of what an application may do, in every mode."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
from typing import TYPE_CHECKING

import pytest

from licorne.asgi.lifespan import SENDS, Lifespan, LifespanFailed, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from licorne.asgi.types import ASGIApplication, Receive, Scope, Send

    Body = Callable[[Scope, Receive, Send], Awaitable[None]]

COMPLETE = {"type": "lifespan.startup.complete"}
FAILED = {"type": "lifespan.startup.failed", "message": "no database"}
STOPPED = {"type": "lifespan.shutdown.complete"}
NOT_STOPPED = {"type": "lifespan.shutdown.failed", "message": "still busy"}
PATIENCE = 20


class Log:
    """Records, by level and text."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.errors: list[BaseException] = []

    def info(self, text: str, *args: object) -> None:
        self.said.append(("info", text % args))

    def error(self, text: str, *args: object, exc_info: BaseException | None = None) -> None:
        self.said.append(("error", text % args))
        if exc_info is not None:
            self.errors.append(exc_info)


class Run:
    """One life of an application: what came of its start, what was logged."""

    failure: BaseException | None = None

    def __init__(self, app: Body, mode: str = "auto", within: float | None = None) -> None:
        self.log = Log()
        self.state: dict[str, object] = {}
        self.lifespan = Lifespan(app, self.log, mode, self.state)  # type: ignore[arg-type]
        self._within = within
        asyncio.run(asyncio.wait_for(self._live(), PATIENCE), debug=True)

    async def _live(self) -> None:
        before = asyncio.all_tasks()
        try:
            await self.lifespan.startup()
        except (Exception, SystemExit) as error:
            self.failure = error
        else:
            await self.lifespan.shutdown(self._within)
            await self.lifespan.shutdown(self._within)
        assert asyncio.all_tasks() == before


def sending(*messages: Mapping[str, object], error: BaseException | None = None) -> Body:
    """An application that asks before each of the messages that it sends, and then may raise."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await receive()
            await send(dict(message))
        if error is not None:
            raise error

    return app


ENDS: dict[str, BaseException | None] = {"returns": None, "raises": KeyError("x")}


@pytest.mark.parametrize("mode", ["auto", "on", "off"])
@pytest.mark.parametrize("end", ENDS)
def test_an_application_without_the_protocol(mode: str, end: str) -> None:
    run = Run(sending(error=ENDS[end]), mode)
    if mode == "off":
        assert (run.failure, run.log.said) == (None, [])
    elif mode == "on":
        assert isinstance(run.failure, LifespanFailed)
        assert run.failure.__cause__ is ENDS[end]
        assert "before lifespan.startup.complete, and asgi_lifespan is on" in str(run.failure)
    else:
        assert run.failure is None
        why = "it returned" if end == "returns" else "it raised KeyError: 'x'"
        said = f"The application has no lifespan ({why}): it is served without"
        assert run.log.said == [("info", said)]


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("asks", [True, False])
def test_a_start_that_failed(mode: str, end: str, asks: bool) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        if asks:
            await receive()
        await send(dict(FAILED))
        if ENDS[end] is not None:
            raise ENDS[end]
        await receive()
        await receive()

    run = Run(app, mode)
    assert isinstance(run.failure, LifespanFailed)
    assert str(run.failure) == "The application could not start: no database"
    assert run.log.said == []


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("last", [None, STOPPED, NOT_STOPPED])
def test_a_whole_life(mode: str, end: str, last: Mapping[str, object] | None) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "lifespan.startup"}
        await send(dict(COMPLETE))
        assert await receive() == {"type": "lifespan.shutdown"}
        if last is not None:
            await send(dict(last))
        if ENDS[end] is not None:
            raise ENDS[end]

    run = Run(app, mode)
    assert run.failure is None
    expected = []
    if last is NOT_STOPPED:
        expected.append(("error", "The application failed at its shutdown: still busy"))
    if end == "raises":
        expected.append(("error", "The application raised at its shutdown"))
        assert run.log.errors == [ENDS[end]]
    assert run.log.said == expected


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_what_ends_while_it_serves(mode: str) -> None:
    error = OSError("gone")
    run = Run(sending(COMPLETE, error=error), mode)
    assert run.log.said == [("error", "The application's lifespan ended while it serves")]
    assert run.log.errors == [error]
    # It may also have nothing to do at its end.
    run = Run(sending(COMPLETE), mode)
    assert (run.failure, run.log.said) == (None, [])


EVENTS = [str(each["type"]) for each in (COMPLETE, FAILED, STOPPED, NOT_STOPPED)] + ["http.x"]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_in_every_state(state: State, event: str) -> None:
    lifespan = Lifespan(sending(), Log(), "auto", {})  # type: ignore[arg-type]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        lifespan._started = loop.create_future()
        lifespan._at = state
        await lifespan._send({"type": event})

    after = SENDS.get((state, event))
    if after is not None:
        asyncio.run(main())
        assert lifespan._at is after
        return
    with pytest.raises(RuntimeError) as caught:
        asyncio.run(main())
    assert f"sent {event!r} {state.value}; expected: " in str(caught.value)
    assert lifespan._at is state


def test_all_orders_of_three_events() -> None:
    """Whatever an application sends in a row, the server tells, and nothing is left behind."""
    for events in itertools.product(EVENTS, repeat=3):
        run = Run(sending(*({"type": each} for each in events)))
        first, second, _ = events
        if first == EVENTS[0]:
            assert run.failure is None
            # After the end of the shutdown nothing comes that a third event could answer.
            errors = [said for level, said in run.log.said if level == "error"]
            if second == EVENTS[2]:
                assert errors == []
            elif second == EVENTS[3]:
                assert errors == ["The application failed at its shutdown: "]
            else:
                assert errors == ["The application raised at its shutdown"]
                assert f"sent {second!r} after lifespan.shutdown" in str(run.log.errors[0])
        elif first == EVENTS[1]:
            assert isinstance(run.failure, LifespanFailed)
        else:
            assert run.failure is None
            assert run.log.said[0][1].startswith("The application has no lifespan (it raised Runt")


def test_one_task_and_one_context_from_start_to_end() -> None:
    name = contextvars.ContextVar("name", default="outside")
    tasks = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        tasks.append(asyncio.current_task())
        await receive()
        token = name.set("inside")
        scope["state"]["pool"] = "a pool"  # type: ignore[index]
        await send(dict(COMPLETE))
        await receive()
        tasks.append(asyncio.current_task())
        # Raises in another context.
        name.reset(token)
        await send(dict(STOPPED))

    run = Run(app)
    assert run.failure is None
    assert run.log.said == []
    assert tasks[0] is tasks[1] is not None
    assert run.lifespan.context[name] == "inside"
    assert run.state == {"pool": "a pool"}


def test_receive_that_is_cancelled_loses_nothing() -> None:
    seen = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(dict(COMPLETE))
        while not seen:
            try:
                seen.append(await asyncio.wait_for(receive(), 0.01))
            except asyncio.TimeoutError:
                continue
        await send(dict(STOPPED))

    run = Run(app)
    assert seen == [{"type": "lifespan.shutdown"}]
    assert run.log.said == []


def test_one_that_asks_for_ever_ends_with_its_shutdown() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    run = Run(app)
    assert (run.failure, run.log.said) == (None, [])


def test_a_shutdown_that_takes_too_long_is_told_and_cancelled() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(dict(COMPLETE))
        await receive()
        await asyncio.sleep(PATIENCE)

    run = Run(app, within=0.05)
    ((level, said),) = run.log.said
    assert level == "error"
    assert said.startswith("The application has not ended after lifespan.shutdown within ")


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_start_that_is_cancelled(stubborn: bool) -> None:
    ended = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            if stubborn:
                await asyncio.sleep(0.01)
            ended.append(True)

    async def main() -> None:
        lifespan = Lifespan(app, Log(), "auto", {})  # type: ignore[arg-type]
        starting = asyncio.create_task(lifespan.startup())
        await asyncio.sleep(0.01)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert ended


def test_a_start_that_is_cancelled_when_the_application_has_started() -> None:
    """It has its shutdown, and nothing is said: that is no end while it serves."""
    seen = []
    log = Log()

    async def main() -> None:
        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(await receive())
            await send(dict(COMPLETE))
            starting.cancel()
            seen.append(await receive())
            await send(dict(STOPPED))

        lifespan = Lifespan(app, log, "auto", {})  # type: ignore[arg-type]
        starting = asyncio.create_task(lifespan.startup())
        with pytest.raises(asyncio.CancelledError):
            await starting
        await lifespan.shutdown(PATIENCE)

    asyncio.run(main())
    assert [message["type"] for message in seen] == ["lifespan.startup", "lifespan.shutdown"]
    assert log.said == []


def test_an_application_that_leaves() -> None:
    run = Run(sending(error=SystemExit(4)))
    assert isinstance(run.failure, SystemExit)
    assert run.failure.code == 4


def test_context_of_an_application_without_the_protocol() -> None:
    name = contextvars.ContextVar("name", default="nothing")

    async def main(app: ASGIApplication, mode: str) -> str:
        name.set("before")
        lifespan = Lifespan(app, logging.getLogger(), mode, {})  # type: ignore[arg-type]
        await lifespan.startup()
        return lifespan.context[name]

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        name.set("inside")

    for mode in ("auto", "off"):
        assert asyncio.run(main(app, mode)) == "before"
