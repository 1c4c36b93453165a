"""The gthread worker: several application threads over one engine.

A fast application runs on one hot thread at full speed; as soon as a request is slow, the next ones
run on other threads.
"""

from __future__ import annotations

import os
import select
import threading
import time
from functools import partial

from licorne import util
from licorne.workers.engine import EngineWorker
from licorne.workers.engine_config import Kind
from licorne.workers.leaving import RequestThread
from licorne.workers.overrides import Connection, own, replaced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import ThreadPoolExecutor

    from licorne._engine import Engine
    from licorne.http.views import Request


class ThreadWorker(EngineWorker):
    """`threads` requests at a time."""

    multithread = True

    #: What wakes the main thread: the number of each signal, and 0 from each thread that ends.
    wakeup_pipe: Sequence[int] = ()

    def engine_kind(self) -> Kind:
        """`worker_connections` bounds the clients."""
        return Kind(multithread=True, max_connections=self.cfg.worker_connections)

    def relay_signals(self) -> int:
        """Signals go on to the main thread."""
        self.wakeup_pipe = os.pipe()
        util.set_non_blocking(self.wakeup_pipe[1])
        return self.wakeup_pipe[1]

    def handles(self) -> bool:
        """Whether a subclass has its own `handle_request`."""
        return replaced(type(self), "handle_request")

    def hand_over(self, request: Request) -> None:
        """Call the `handle_request` of a subclass."""
        self.handle_request(request, Connection(request, self.sockets))

    def call_handle(self, request: Request) -> None:
        """Call the `handle` of a tracer."""
        self.handle(Connection(request, self.sockets))

    @own
    def handle(self, _conn: Connection) -> bool:
        """Run the application for one request; for tracers to replace. True: kept alive."""
        self.handle_in_hand()
        return bool(self.alive and self.cfg.keepalive)

    @own
    def handle_request(self, req: Request, _conn: Connection) -> bool:
        """Run the application for one request; for subclasses to extend. True: kept alive."""
        self.run_exchange(req)
        return bool(self.alive and self.cfg.keepalive)

    @own
    def get_thread_pool(self) -> ThreadPoolExecutor:
        """The pool of a subclass that wants one; otherwise there are plain threads."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - few have a pool

        return ThreadPoolExecutor(max_workers=self.cfg.threads)

    def serve(self, engine: Engine) -> None:
        """Start the threads and wait for their end; signals come to this thread."""
        running = self._start_threads(engine)
        while running:
            if self.end_by is not None and time.monotonic() > self.end_by:
                self.log.warning("Threads still busy after graceful_timeout are given up")
                return
            self.beat()
            ready, _, _ = select.select([self.wakeup_pipe[0]], [], [], self._patience())
            if ready:
                # The signals have their handlers: only the ends count.
                running -= os.read(self.wakeup_pipe[0], 512).count(0)

    def _start_threads(self, engine: Engine) -> int:
        if replaced(type(self), "get_thread_pool"):
            pool = self.tpool = self.get_thread_pool()
            # Each thread of the pool is one that takes requests: more would never begin.
            count: int = getattr(pool, "_max_workers", self.cfg.threads)
            for _ in range(count):
                pool.submit(self._serve, engine)
            return count
        count = max(1, self.cfg.threads)
        for number in range(count):
            RequestThread(f"licorne-app-{number}", partial(self._serve, engine)).start()
        return count

    def _serve(self, engine: Engine) -> None:
        # Python itself tells the system the names of threads from 3.14 on.
        engine.name_thread(threading.current_thread().name)
        try:
            while True:
                try:
                    return super().serve(engine)
                except (SystemExit, KeyboardInterrupt) as error:
                    # Answered with 500 and logged. One request must not end the thread of others.
                    self.log.warning("The application raised %r; its thread goes on", error)
        finally:
            os.write(self.wakeup_pipe[1], b"\0")

    def _patience(self) -> float | None:
        if self.end_by is None:
            # A subclass's signs of life are due about once a second.
            return 1.0 if self.notifies() else None
        return max(0.0, self.end_by - time.monotonic()) + 0.05
