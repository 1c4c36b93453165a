"""The lifespan protocol (ASGI Lifespan 2.0): the application begins before requests and ends after.

One task runs the application's side for the whole life of the worker, so that context variables
and cancel scopes of its context managers are entered and left in the same task.
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from enum import Enum

from licorne.errors import StartFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Context

    from licorne.asgi.types import ASGIApplication, Message
    from licorne.glogging import Logger

#: What ends the process, not only the protocol.
LEAVING = (SystemExit, KeyboardInterrupt)

#: Seconds that the application has to end by itself after it has said that its start failed.
LAST_MOMENT = 1.0


class State(Enum):
    """How far the protocol has come."""

    NEW = "before lifespan.startup"
    STARTING = "after lifespan.startup"
    SERVING = "after lifespan.startup.complete"
    FAILED = "after lifespan.startup.failed"
    STOPPING = "after lifespan.shutdown"
    STOPPED = "after the end of the shutdown"


#: What the application may send, and where that leads. Minimal applications say that they are
#: complete without asking for lifespan.startup.
SENDS = {
    (State.NEW, "lifespan.startup.complete"): State.SERVING,
    (State.NEW, "lifespan.startup.failed"): State.FAILED,
    (State.STARTING, "lifespan.startup.complete"): State.SERVING,
    (State.STARTING, "lifespan.startup.failed"): State.FAILED,
    (State.STOPPING, "lifespan.shutdown.complete"): State.STOPPED,
    (State.STOPPING, "lifespan.shutdown.failed"): State.STOPPED,
}


class LifespanFailed(StartFailed):
    """The application could not start; the exception that it raised, if any, is the cause."""


class Lifespan:
    """The server's side of the protocol, for one worker."""

    def __init__(
        self, app: ASGIApplication, log: Logger, mode: str, state: dict[str, object]
    ) -> None:
        """`mode` is the setting `asgi_lifespan`; requests get shallow copies of `state`."""
        self._app = app
        self._log = log
        self._mode = mode
        self._state = state
        #: What requests begin with: the context variables as start-up has left them.
        self.context: Context = copy_context()
        self._at = State.NEW
        self._asked = False
        self._task: asyncio.Task[None] | None = None
        self._message = ""
        #: What the application has raised.
        self._error: BaseException | None = None

    async def startup(self) -> None:
        """Start the application; LifespanFailed says why it could not start.

        It takes as long as it takes: the master ends a worker that is not ready after
        `boot_timeout`. gunicorn waits for 30 seconds.
        """
        self.context = copy_context()
        if self._mode == "off":
            return
        self._loop = asyncio.get_running_loop()
        #: Done when the start is over: complete, failed, or the application has ended.
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._stopping: asyncio.Future[None] = self._loop.create_future()
        self._task = self._loop.create_task(self._run())
        try:
            await self._started
        except asyncio.CancelledError:
            # The worker is told to stop before it has started. An application that has just started
            # is told by `shutdown`, as any other.
            if self._at is not State.SERVING:
                await self._end_task(0)
            raise
        if self._at is State.SERVING:
            return
        if self._at is State.FAILED:
            await self._end_task(LAST_MOMENT)
            said = f": {self._message}" if self._message else ""
            raise LifespanFailed(f"The application could not start{said}")
        self._ended_early()

    def _ended_early(self) -> None:
        error = self._error
        if isinstance(error, LEAVING):
            raise error
        if self._mode == "auto":
            why = "it returned" if error is None else f"it raised {type(error).__name__}: {error}"
            self._log.info("The application has no lifespan (%s): it is served without", why)
        elif error is None:
            raise LifespanFailed(
                "The application returned before lifespan.startup.complete, and asgi_lifespan is on"
            )
        else:
            raise LifespanFailed(
                f"The application raised {type(error).__name__} before lifespan.startup.complete, "
                "and asgi_lifespan is on"
            ) from error

    async def shutdown(self, within: float | None = None) -> None:
        """End the application, after its last request; `within` so many seconds, if that is given.

        What goes wrong is told in the log. The time is what is left of `graceful_timeout`; gunicorn
        waits for 30 seconds more.
        """
        if self._task is None or self._task.done():
            return
        if not self._stopping.done():
            self._stopping.set_result(None)
        if not await self._end_task(within):
            self._log.error(
                "The application has not ended %s within %.1f seconds of graceful_timeout: its "
                "task was cancelled",
                self._at.value,
                within,
            )

    async def _end_task(self, within: float | None) -> bool:
        """Wait for the task; False if it had to be cancelled."""
        if self._task is None:
            return True
        _, left = await asyncio.wait([self._task], timeout=within)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LAST_MOMENT)
        return not left

    async def _run(self) -> None:
        scope: Message = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except (Exception, asyncio.CancelledError, *LEAVING) as error:
            self._error = error
            if self._started.done() and isinstance(error, LEAVING):
                raise
            self._raised(error)
        finally:
            self._over()

    def _raised(self, error: BaseException) -> None:
        """Tell of an exception; one from before the start is over is told by `startup`."""
        if self._at is State.SERVING:
            self._log.error("The application's lifespan ended while it serves", exc_info=error)
        elif self._at in {State.STOPPING, State.STOPPED} and isinstance(error, Exception):
            # Not one that was cancelled.
            self._log.error("The application raised at its shutdown", exc_info=error)

    def _over(self) -> None:
        if not self._started.done():
            self._started.set_result(None)

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            if self._at is State.NEW:
                self._at = State.STARTING
            return {"type": "lifespan.startup"}
        if self._at in {State.FAILED, State.STOPPED} and self._task is not None:
            # Nothing more will come, and a loop around `receive` would ask for ever.
            self._task.cancel()
        # A `receive` that is cancelled loses nothing.
        await asyncio.shield(self._stopping)
        if self._at is not State.SERVING:
            await self._loop.create_future()
        self._at = State.STOPPING
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        kind = message.get("type")
        after = SENDS.get((self._at, str(kind)))
        if after is None:
            allowed = [name for state, name in SENDS if state is self._at]
            raise RuntimeError(
                f"The application sent {kind!r} {self._at.value}; expected: "
                f"{' or '.join(allowed) or 'nothing'}"
            )
        self._at = after
        self._message = str(message.get("message", ""))
        if after is State.SERVING:
            # Here and not of the task: this is the one place that is in the application's context
            # on every version of Python.
            self.context = copy_context()
        elif kind == "lifespan.shutdown.failed":
            self._log.error("The application failed at its shutdown: %s", self._message)
        if after in {State.SERVING, State.FAILED}:
            self._over()
