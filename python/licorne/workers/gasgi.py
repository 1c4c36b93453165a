"""The asgi worker: an asyncio loop polls the engine, and each request is a task on it (ASGI 3.0)."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from licorne.asgi.lifespan import Lifespan
from licorne.asgi.loops import new_loop
from licorne.asgi.recognise import asgi3
from licorne.asgi.starting import starter
from licorne.http.views import Request
from licorne.workers import tasks
from licorne.workers.base import Worker
from licorne.workers.base_asyncio import LAST_MOMENT, LoopWorker
from licorne.workers.engine_config import Kind
from licorne.workers.frames import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from licorne._engine import AsgiDriver, AsgiRequest, Engine, Exchange


class Options:
    """What the driver reads when it is made (`AsgiDriver`)."""

    def __init__(self, worker: ASGIWorker, lifespan: Lifespan) -> None:
        cfg = worker.cfg
        self.worker = worker
        self.app = worker.application
        self.loop = worker.loop
        #: Makes a task of a coroutine and runs its first step: `start(coro, context=context)`.
        self.starter = starter(worker.loop)
        #: What every request has a copy of: the context variables that start-up has set.
        self.context = lifespan.context
        #: What start-up has left in `scope["state"]`; each request has a shallow copy.
        self.state = worker.state
        self.root_path = cfg.root_path
        #: `server` of the scope, for each listener.
        self.servers = [_server(each.getsockname()) for each in worker.sockets]
        #: Requests with the application at a time beyond which 503 is answered; 0 for no limit.
        self.limit = getattr(cfg, "limit_concurrency", 0)
        #: Seconds from the end of a client to the end of what still runs for it.
        self.disconnect_grace = float(cfg.asgi_disconnect_grace_period)


def _server(name: object) -> tuple[object, int | None]:
    """Host and port, or the path of a unix socket and None (ASGI HTTP)."""
    if isinstance(name, tuple):
        return (name[0], int(name[1]))
    return (name.decode() if isinstance(name, bytes) else name, None)


class ASGIWorker(LoopWorker):
    """Requests are tasks on an asyncio loop, or on uvloop."""

    multithread = False
    ready_before_run = False

    driver: AsgiDriver | None = None

    def init_process(self) -> None:
        """Make the loop that `asgi_loop` asks for: the application finds it while it is loaded."""
        asyncio.set_event_loop(new_loop(self.cfg.asgi_loop))
        super(LoopWorker, self).init_process()

    def load_wsgi(self) -> None:
        """Load the application, of whatever kind it is."""
        Worker.load_wsgi(self)

    def engine_kind(self) -> Kind:
        """An asyncio loop, and bodies that flow."""
        kind = super().engine_kind()
        kind.asgi = True
        return kind

    def serve(self, engine: Engine) -> None:
        """Start the application, serve, end the application."""
        from licorne._engine import AsgiDriver

        self.loop = self.current_loop()
        self.application = asgi3(self.wsgi)
        self.state: dict[str, object] = {}
        mode = self.cfg.asgi_lifespan
        self.lifespan = Lifespan(self.application, self.log, mode, self.state)
        self.loop.run_until_complete(self.lifespan.startup())
        self.driver = AsgiDriver(engine, Options(self, self.lifespan))
        self.mark_ready()
        self.driver.open()
        try:
            super().serve(engine)
        finally:
            self.driver.close()

    def wait_for_end(self) -> None:
        """Run the loop; then end the requests that are left, the application, and its other tasks."""
        self.run_loop()
        self.end_requests()
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
        self.try_beat()
        wait = driver.turn(self.inspects_requests)
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
