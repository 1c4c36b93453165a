"""The asgi worker: an asyncio loop polls the engine, and each request is a task on it (ASGI)."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from contextlib import suppress
from typing import cast

from licorne import hooks
from licorne.asgi.failing import page_of
from licorne.asgi.lifespan import Lifespan
from licorne.asgi.loops import complaint, new_loop
from licorne.asgi.options import AsgiOptions
from licorne.asgi.recognise import asgi3
from licorne.config.check import given
from licorne.errors import ConfigError, StartFailed
from licorne.http.views import Request
from licorne.system import unpatched
from licorne.workers import leaving, reloading, tasks
from licorne.workers.base import Worker
from licorne.workers.base_asyncio import LAST_MOMENT, LoopWorker
from licorne.workers.frames import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from licorne._engine import AsgiDriver, AsgiRequest, Engine, Exchange
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.workers.engine_config import Kind


class Interrupted(SystemExit):
    """Raised in what blocks the loop of a worker that has to end."""


class ASGIWorker(LoopWorker):
    """Requests are tasks on an asyncio loop, or on uvloop."""

    multithread = False
    ready_before_run = False

    driver: AsgiDriver | None = None

    #: Hooks look at requests; a subclass has its own `notify`.
    _inspected = False
    _notified = False

    #: The start of the application.
    _starting: asyncio.Task[None] | None = None

    def init_process(self) -> None:
        """Make the loop that `asgi_loop` asks for: the application finds it while it is loaded."""
        asyncio.set_event_loop(new_loop(self.cfg.asgi_loop))
        super(LoopWorker, self).init_process()

    def load_wsgi(self) -> None:
        """Load the application, of whatever kind it is."""
        Worker.load_wsgi(self)

    def failing(self, error: BaseException) -> object:
        """What serves while the application cannot be loaded (`reload`)."""
        return page_of(error)

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        """Called at the start, in the master: what cannot work is told there."""
        super().check_config(cfg, log)
        problem = complaint(cfg.asgi_loop)
        if problem:
            raise ConfigError(f"{given(cfg, 'asgi_loop', cfg.asgi_loop)}: {problem}.")
        cls.tell_threads(cfg, log)

    @classmethod
    def check_application(cls, _cfg: Config, app: object) -> None:
        """Called by `--check-config`: StartFailed says that it cannot be called as ASGI."""
        asgi3(app)

    @staticmethod
    def tell_threads(cfg: Config, log: Logger) -> None:
        """Say that there are no threads for requests."""
        if cfg.threads > 1:
            log.warning("asgi workers do not use threads: --threads %s is ignored", cfg.threads)

    def start_application(self) -> None:
        """Start the application by the lifespan protocol; StartFailed ends the boot."""
        self.loop = self.current_loop()
        self.state: dict[str, object] = {}
        try:
            self.application = asgi3(self.wsgi)
            self._begin_lifespan()
        except StartFailed as error:
            if self.reloader is None:
                raise
            said = "%s; waiting for a file to change"
            self.log.error(said, error, exc_info=error.__cause__)  # noqa: TRY400 - of the cause
            self.reloader.loaded(reloading.suspects(error))
            self.application = page_of(error)
            self._begin_lifespan()

    def _begin_lifespan(self) -> None:
        mode = self.cfg.asgi_lifespan
        self.lifespan = Lifespan(self.application, self.log, mode, self.state)
        self._starting = self.loop.create_task(self.lifespan.startup())
        if self.PIPE:
            # A signal must end the wait of the loop, so that its handler runs (uvloop).
            self.loop.add_reader(self.PIPE[0], self._signalled)
        try:
            self.loop.run_until_complete(self._starting)
        except asyncio.CancelledError:
            if self.alive:
                raise
        except SystemExit as left:
            if self.alive:
                self.log.exception("The application left while it started: %r", left.code)
            raise
        finally:
            self._signalled()

    def _signalled(self) -> None:
        """The handler has run, or runs next; the numbers are the engine's to read."""
        if self.PIPE:
            self.loop.remove_reader(self.PIPE[0])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the current work (TERM), or in the middle of the start."""
        super().handle_exit(sig, frame)
        if self._starting is not None and not self._starting.done():
            self.loop.call_soon_threadsafe(self._starting.cancel)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at once (INT, QUIT): requests are cancelled, the application has a moment to end.

        Raised here, SystemExit would come out of the task that runs: that is done only to what
        keeps the loop from its end.
        """
        if self.driver is None:
            super().handle_quit(sig, frame)
        self._end_within(leaving.QUICK)
        self.alive = False
        hooks.call(self.log, "worker_int", self.cfg.worker_int, self)
        self.loop.call_soon_threadsafe(self.tell_end)
        unpatched.set_handler(leaving.ALARM, self._interrupt)
        signal.setitimer(signal.ITIMER_REAL, leaving.QUICK)

    def _interrupt(self, _sig: int, _frame: FrameType | None) -> None:
        """A second after INT or QUIT the loop has not come to its end: something blocks it."""
        if not self.over:
            self.log.warning("The event loop is blocked at the end of the worker: interrupted")
            raise Interrupted

    def attempt(self, run: Callable[[], object]) -> None:
        """Run a part of the application; the loop goes on after what blocked it."""
        try:
            super().attempt(run)
        except Interrupted:
            # uvloop has gone on to `tell_end`: its stop comes, and would end the next run.
            with suppress(RuntimeError):
                self.loop.run_until_complete(asyncio.sleep(0))

    def run(self) -> None:
        """Serve; or only end the application, when TERM came while it started."""
        if self.alive:
            super().run()
        else:
            self.end_application()

    def engine_kind(self) -> Kind:
        """An asyncio loop, and bodies that flow."""
        kind = super().engine_kind()
        kind.asgi = True
        return kind

    def serve(self, engine: Engine) -> None:
        """Serve, then end the application."""
        from licorne._engine import AsgiDriver  # noqa: PLC0415 - after the fork

        self.driver = AsgiDriver(engine, AsgiOptions(self, self.lifespan))
        # What the application has made at its start lives as long as the worker.
        gc.freeze()
        # Settings and methods of a subclass: they stay as they are from now on.
        self._inspected = self.inspects_requests
        self._notified = self.notifies()
        self.mark_ready()
        self.driver.open()
        try:
            super().serve(engine)
        finally:
            self.driver.close()

    def wait_for_end(self) -> None:
        """Run the loop; then end what is left: requests, the application, its other tasks."""
        self.run_loop()
        self.end_requests()
        self.end_application()

    def end_application(self) -> None:
        """End the application by the lifespan protocol, then whatever else it runs."""
        self.attempt(lambda: self.loop.run_until_complete(self.lifespan.shutdown(self.time_left())))
        self.end_tasks()
        self.attempt(lambda: self.loop.run_until_complete(self.loop.shutdown_asyncgens()))
        self.loop.close()

    def time_left(self) -> float:
        """Seconds of `graceful_timeout` that are left, one at least."""
        if self.end_by is None:
            return float(self.cfg.graceful_timeout)
        return max(LAST_MOMENT, self.end_by - time.monotonic())

    def end_requests(self) -> None:
        """Cancel the requests that are left: their clients have been told, or will be."""
        left = [each.task for each in list(self._running().values())]
        for task in left:
            if task is not None:
                task.cancel()
        self.let_end([task for task in left if task is not None])

    def turn(self) -> None:
        """Begin what is ready, and see to it that the next turn comes in time."""
        driver, engine = self.driver, self.engine
        if driver is None or engine is None:
            raise RuntimeError("the engine is not started")
        if self._notified:
            self.try_beat()
        wait = driver.turn(self._inspected)
        if wait is None:
            self.tell_end()
            return
        self.turn_within(wait)
        if engine.late():
            self.end_late()

    def handles(self) -> bool:
        """Never: what a `handle_request` is called with is WSGI's."""
        return False

    def before(self, exchange: Exchange) -> Request:
        """Call the hook of a request that begins."""
        request = Request(exchange, self.cfg)
        self.pre_request(request)
        return request

    def after(self, request: Request) -> None:
        """Call the hook of a request that has ended."""
        self.finished(request)
        request.let_go()

    def end_overdue(self) -> dict[int, str]:
        """Cancel their tasks; where these wait, by the numbers of the requests."""
        late = {number: each for number, each in self._running().items() if each.overdue}
        stacks = {number: str(_stack(each, None)) for number, each in late.items()}
        for each in late.values():
            each.cancel()
        return stacks

    def stack_of(self, number: int, frame: FrameType | None) -> Stack:
        """Where the task of a request waits, or was interrupted in `frame`."""
        found = self._running().get(number)
        if found is None:
            return Stack(missing="it has ended meanwhile") if frame is None else Stack.of(frame)
        return _stack(found, frame)

    def _running(self) -> dict[int, AsgiRequest]:
        return {} if self.driver is None else self.driver.unfinished


def _stack(request: AsgiRequest, frame: FrameType | None) -> Stack:
    task = request.task
    if task is None:
        return Stack(missing="it has ended meanwhile")
    current = None if frame is None else asyncio.current_task(task.get_loop())
    return Stack.of(cast("FrameType", frame)) if task is current else tasks.stack(task)
