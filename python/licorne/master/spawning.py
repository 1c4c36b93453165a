"""How the master comes to a new worker: made, given a slot of the scoreboard, forked, known.

A part of the arbiter by gunicorn's names, for programs that call or extend it.
"""

from __future__ import annotations

import os
import signal

from licorne import hooks
from licorne.errors import HaltServer
from licorne.master.signals import SignalHandlers
from licorne.supervisor import events
from licorne.supervisor.roster import State
from licorne.system import process
from licorne.workers import life

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from licorne.app.base import BaseApplication
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.master.parts import Parts
    from licorne.master.stacks import Stacks
    from licorne.sock import BaseSocket
    from licorne.supervisor.roster import Roster
    from licorne.workers.base import Worker
    from licorne.workers.slots import Slots


class Spawning(SignalHandlers):
    """The arbiter as far as it makes workers."""

    app: BaseApplication
    cfg: Config
    log: Logger
    pid: int
    wakeup_fd: int
    timeout: int
    parts: Parts
    stacks: Stacks
    worker_class: type[Worker]
    worker_age: int
    WORKERS: dict[int, Worker]

    #: Fingerprint of what kept the last worker that did not boot from it.
    last_failure = 0
    #: How often `spawn_worker` was called.
    _attempts = 0
    #: A worker was forked: from now on, what a hook raises ends nothing.
    _has_begun = False

    @property
    def slots(self) -> Slots:
        """The slots of the scoreboard."""
        raise NotImplementedError

    @property
    def roster(self) -> Roster:
        """What the planner knows of the workers."""
        raise NotImplementedError

    @property
    def num_workers(self) -> int:
        """The wanted number of workers."""
        raise NotImplementedError

    def _leave(self, worker: Worker) -> None:
        """In the new worker: let go of what is the master's."""
        raise NotImplementedError

    def spawn_workers(self, count: int | None = None) -> None:
        """Fork workers: as many as the planner asks for, or as are missing."""
        missing = self.num_workers - len(self.WORKERS)
        for _ in range(missing if count is None else count):
            attempts = self._attempts
            try:
                self.spawn_worker()
            except OSError as error:
                self.decide(events.SpawnFailed(str(error)))
            else:
                if self._attempts == attempts:
                    self._refuse_spawning()

    def _refuse_spawning(self) -> None:
        """A subclass forks by itself: its worker is not on the scoreboard and cannot serve."""
        foreign = [pid for pid, worker in self.WORKERS.items() if worker.scoreboard is None]
        for pid in foreign:
            del self.WORKERS[pid]
            os.kill(pid, signal.SIGKILL)
        raise HaltServer(
            f"{type(self).__module__}.{type(self).__qualname__}.spawn_worker forks workers that "
            "the server does not know: let it call super().spawn_worker(), or use the hooks "
            "pre_fork and post_fork"
        )

    def spawn_worker(self) -> int | None:
        """Fork one worker, or have the mold fork it. In the child this does not return.

        The value is its process id; None when a mold forks it, or when `pre_fork` has failed.
        """
        self._attempts += 1
        self.worker_age += 1
        self.mark_leaving()
        socket_set, sockets = self.parts.listeners.for_next(self.roster, self.WORKERS)
        worker = self.make_worker(self.worker_age, socket_set, sockets)
        worker.last_failure = self.last_failure
        self.slots.take(worker)
        self.parts.listeners.expect(worker)
        try:
            self.stacks.open(worker)
            if self.parts.preload is not None and self.cfg.preload_app:
                self.parts.preload.ask(worker)
                return None
            if not self._has_begun:
                # Before the first worker, what a hook raises ends the start.
                self.cfg.pre_fork(self, worker)
            elif not hooks.call(self.log, "pre_fork", self.cfg.pre_fork, self, worker):
                self.abandon(worker)
                self.decide(events.SpawnFailed("the hook pre_fork raised"))
                return None
            pid = process.fork(self.SIGNALS)
        except BaseException:
            self._take_back(worker)
            raise
        if pid == 0:
            self.live(worker)
        self.spawned(worker, pid)
        return pid

    def mark_leaving(self) -> None:
        """Show hooks in `WORKERS` which workers stay: one to be replaced is not `alive`."""
        for child in self.roster.children:
            stays = child.state in {State.BOOTING, State.SERVING}
            if child.pid in self.WORKERS:
                self.WORKERS[child.pid].alive = stays and not self.roster.outdated(child)

    def make_worker(self, age: int, socket_set: int, sockets: list[BaseSocket]) -> Worker:
        """A worker that is not forked yet."""
        half = self.timeout / 2.0
        worker = self.worker_class(age, self.pid, sockets, self.app, half, self.cfg, self.log)
        worker.wakeup_fd = self.wakeup_fd
        worker.socket_set = socket_set
        queue = self.parts.listeners.queue
        worker.handover = None if queue is None else queue.fds()
        worker.certificates = self.parts.certificates
        return worker

    def live(self, worker: Worker) -> NoReturn:
        """In the new process: be the worker."""
        process.end_with(lambda: life.live(worker, self, self._leave))

    def spawned(self, worker: Worker, pid: int) -> None:
        """A worker is there, as a child of this process."""
        worker.pid = pid
        self.stacks.forked(worker)
        self.WORKERS[pid] = worker
        self._has_begun = True
        self.decide(events.Spawned(pid))

    def abandon(self, worker: Worker) -> None:
        """Forget a worker that was never forked."""
        self._take_back(worker)
        worker.tmp.close()

    def _take_back(self, worker: Worker) -> None:
        """What a worker had that was never forked."""
        self.stacks.close(worker)
        self.slots.release(worker)
        self.parts.listeners.forget(worker)
