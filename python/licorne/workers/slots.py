"""The slots of the scoreboard, as the master gives them to workers and reads them."""

from __future__ import annotations

import mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from licorne._engine import Counts, InFlight, Scoreboard, WorkerSnapshot
    from licorne.config import Config
    from licorne.workers.base import Worker

#: Room for what so many threads of one worker run; what more threads run can neither be named after
#: a crash nor be bounded by request_timeout.
MOST_THREADS = 1024

#: A code from here up is the fingerprint of what kept a worker from booting.
BOOT_FAILURE = 1 << 32


def most_at_once(kind: type[Worker], cfg: Config) -> int:
    """For how many requests of one worker the scoreboard has to have room."""
    own: object = getattr(kind, "most_at_once", None)
    most = own(cfg) if callable(own) else cfg.threads
    # The application may be ASGI, which is known only when a worker has loaded it.
    return max(most, cfg.worker_connections) if cfg.is_default("worker_class") else most


class Slots:
    """One shared scoreboard, with a slot for every living worker."""

    def __init__(self, workers: int, threads: int) -> None:
        """Made by the master, before its first fork; there is room for TTIN and for reloads."""
        from licorne._engine import Scoreboard  # noqa: PLC0415 - not before a server starts

        count = max(256, 4 * workers)
        self.scoreboard: Scoreboard = Scoreboard(count, min(max(threads, 1), MOST_THREADS))
        self._free = list(range(count))[::-1]
        #: Shared memory: 1 for a worker that has become asgi, because its application is.
        self._kinds = mmap.mmap(-1, count)
        #: Requests finished by workers that have ended.
        self.finished = 0
        #: What workers that have ended had counted, by worker type.
        self._ended: dict[str, Counts] = {}

    def take(self, worker: Worker) -> None:
        """Give the worker an empty slot; an OSError says that there is none."""
        if not self._free:
            raise OSError("the scoreboard has no free slot")
        self.use(worker, self._free.pop())
        self._kinds[worker.slot] = 0
        self.scoreboard.reset(worker.slot)

    def use(self, worker: Worker, slot: int) -> None:
        """Put a worker into the slot that the master has taken for it (in a mold)."""
        worker.scoreboard = self.scoreboard
        worker.kinds = self._kinds
        worker.slot = slot

    def release(self, worker: Worker) -> None:
        """The worker is gone, and its slot is free."""
        self.finished += self.read(worker).requests
        self._add(self._ended, worker)
        self.scoreboard.vacate(worker.slot)
        self._free.append(worker.slot)

    def set_replaced(self, worker: Worker) -> None:
        """The worker is told to end, and the server goes on without it."""
        self.scoreboard.set_replaced(worker.slot)

    def counts(self, living: Iterable[Worker]) -> dict[str, Counts]:
        """What all workers have counted since the start, by worker type: it never goes back."""
        counted = dict(self._ended)
        for worker in living:
            self._add(counted, worker)
        return counted

    def _add(self, counted: dict[str, Counts], worker: Worker) -> None:
        kind = "asgi" if self._kinds[worker.slot] else worker.cfg.worker_class_str
        counts = self.scoreboard.counts(worker.slot)
        counted[kind] = counted[kind] + counts if kind in counted else counts

    def read(self, worker: Worker) -> WorkerSnapshot:
        """What the worker shows of itself."""
        return self.scoreboard.read(worker.slot)

    def left_lines(self, worker: Worker) -> bytes:
        """The access log lines that the worker, which has ended, did not write."""
        return self.scoreboard.left_lines(worker.slot)

    def left_reading(self, worker: Worker) -> str | None:
        """The client of a request that the worker, which has ended, had no time to name."""
        return self.scoreboard.left_reading(worker.slot)

    def in_flight(self, worker: Worker) -> tuple[InFlight, ...]:
        """The requests that the worker has read and not finished."""
        return self.read(worker).in_flight
