"""The gthread worker: several application threads over one engine.

A fast application runs on one hot thread at full speed; as soon as a request is slow, the next ones
run on other threads.
"""

from __future__ import annotations

import os
import select
import threading
import time

from licorne import util
from licorne.workers.engine import EngineConfig, EngineWorker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from licorne._engine import Engine


class ThreadWorker(EngineWorker):
    """`threads` requests at a time."""

    multithread = True

    #: When a stop must be over (monotonic seconds).
    deadline: float | None = None

    #: What wakes the main thread: the number of each signal, and 0 from each thread that ends.
    news: Sequence[int] = ()

    def engine_config(self) -> EngineConfig:
        """`worker_connections` bounds the clients; signals go on to the main thread."""
        config = EngineConfig(
            self.cfg,
            self.log,
            self.sockets,
            multithread=True,
            max_connections=self.cfg.worker_connections,
        )
        self.news = os.pipe()
        util.set_non_blocking(self.news[1])
        config.signal_echo = self.news[1]
        return config

    def serve(self, engine: Engine) -> None:
        """Start the threads and wait for their end; signals come to this thread."""
        threads = [
            # Daemons: one that hangs in the application must not keep the process alive.
            threading.Thread(
                target=self._serve, args=(engine,), name=f"licorne-app-{number}", daemon=True
            )
            for number in range(max(1, self.cfg.threads))
        ]
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            if self.deadline is not None and time.monotonic() > self.deadline:
                self.log.warning("Threads still busy after graceful_timeout are given up")
                return
            ready, _, _ = select.select([self.news[0]], [], [], self._patience())
            if ready:
                # The signals have their handlers: only the ends count.
                running -= os.read(self.news[0], 512).count(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the current work (TERM)."""
        self.deadline = time.monotonic() + self.cfg.graceful_timeout
        super().handle_exit(sig, frame)

    def _serve(self, engine: Engine) -> None:
        try:
            while True:
                try:
                    return super().serve(engine)
                except (SystemExit, KeyboardInterrupt) as error:
                    # Answered with 500 and logged. One request must not end the thread of others.
                    self.log.warning("The application raised %r; its thread goes on", error)
        finally:
            os.write(self.news[1], b"\0")

    def _patience(self) -> float | None:
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - time.monotonic()) + 0.05
