"""Where the master and its molds meet (`--preload`).

In the master it tells the planner what became of molds and of the workers asked of them; in a mold,
where the master is a copy, it makes the workers that the master orders.
"""

from __future__ import annotations

import os

from licorne import hooks, sock, util
from licorne.preload import mold
from licorne.preload.molds import Molds
from licorne.supervisor import events
from licorne.supervisor.record import replace
from licorne.system import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from licorne.master.face import Parent
    from licorne.system.process import Ended
    from licorne.workers.base import Worker


class EndedMold:
    """What the hook `child_exit` gets in a worker's place when a mold has ended."""

    age = 0
    alive = booted = aborted = False

    def __init__(self, master: Parent, pid: int) -> None:
        self.pid = pid
        self.ppid = master.pid
        self.app, self.cfg, self.log = master.app, master.cfg, master.log

    def __str__(self) -> str:
        return f"<Mold {self.pid}>"


class Bridge:
    """One master's way of having workers forked by molds."""

    def __init__(self, master: Parent, clock: Callable[[], float]) -> None:
        self._master = master
        self.signals: Sequence[signal.Signals] = master.SIGNALS
        self.log = master.log
        self.watch = master.watch
        self.unwatch = master.unwatch
        self.molds = Molds(self, clock)

    def ask(self, worker: Worker) -> None:
        """Have a worker forked; OSError when there is no mold and none can be made."""
        self.molds.ask(worker)

    def renew(self) -> None:
        """Have the application loaded by a new mold, and go on with that one."""
        try:
            self.molds.renew()
        except OSError as error:
            self._master.decide(events.MoldEnded(0, coming=True, reason=str(error)))

    def spawned(self, worker: Worker, pid: int) -> None:
        """A worker that was asked for is a child of the master."""
        self._master.spawned(worker, pid)

    def not_spawned(self, worker: Worker, reason: str) -> None:
        """A worker that was asked for will not come, though its mold goes on."""
        self._master.abandon(worker)
        self._master.decide(events.SpawnFailed(reason))

    def mold_ready(self) -> None:
        """The mold of a reload has loaded the application: the next workers are new."""
        self._master.decide(self._master.reconfigured())

    def mold_lost(self, end: Ended, orphaned: Sequence[Worker], coming: bool) -> None:
        """A mold has ended that was needed, with the workers asked of it."""
        for worker in orphaned:
            self._master.abandon(worker)
        self._master.decide(events.MoldEnded(end.pid, coming, len(orphaned), end.code, end.signal))

    def mold_ended(self, pid: int) -> None:
        """A mold is gone: files by process id that its modules have opened are for the hook."""
        master = self._master
        hooks.call(self.log, "child_exit", master.cfg.child_exit, master, EndedMold(master, pid))

    def become_mold(self, channel: socket.socket) -> NoReturn:
        """In the new process: let go of what is the master's, and load the application.

        The sockets above all: a client of one that only a mold keeps open would wait in vain.
        """
        process.end_with(lambda: self._be_mold(channel))

    def _be_mold(self, channel: socket.socket) -> None:
        master = self._master
        master.let_go()
        util.set_process_title(f"{master.product}: mold [{master.proc_name}]")
        roster = master.roster
        mold.live(self, channel, again=bool(roster.failures or roster.renew_failures))

    def load(self) -> None:
        """In a mold: load the application."""
        from licorne.preload import forksafety  # noqa: PLC0415 - in molds only

        self.log.info("Preloading the application (pid: %s)", os.getpid())
        forksafety.preload(self._master.app, self.log)

    def prepare(self, order: mold.Order, fds: Sequence[int]) -> Worker:
        """In a mold: the worker of an order, with the sockets and the pipe that came with it."""
        master = self._master
        *listeners, pipe = fds
        queue = None
        if order.handover:
            *listeners, put, take = listeners
            queue = put, take
        sockets = [sock.adopt(fd, master.cfg, self.log) for fd in listeners]
        for each in sockets[len(sockets) - order.redirects :]:
            each.redirects = True
        master.LISTENERS = sockets
        self._see(order.view)
        worker = master.make_worker(order.age, order.socket_set, sockets)
        master.slots.use(worker, order.slot)
        worker.stack_pipe = pipe
        worker.handover = queue
        for fd in (pipe, *(queue or ())):
            util.close_on_exec(fd)
        return worker

    def _see(self, view: mold.View) -> None:
        """In a mold: have `WORKERS` and the number as the master has them."""
        master = self._master
        known = {each.age: each for each in master.WORKERS.values()}
        seen = {each.pid: each for age, each in known.items() if age in view.pending}
        for pid, age, stays in view.workers:
            # One that another mold has forked meanwhile has no attributes of hooks.
            worker = known.get(age) or master.make_worker(age, 0, [])
            worker.pid, worker.alive = pid, stays
            seen[pid] = worker
        master.WORKERS = {int(pid): each for pid, each in seen.items()}
        old = master.roster.target
        if view.target != old:
            master.roster = replace(master.roster, target=view.target)
            changed = master.cfg.nworkers_changed
            hooks.call(self.log, "nworkers_changed", changed, master, view.target, old)

    def forked(self, worker: Worker, pid: int) -> None:
        """In a mold: a worker was forked."""
        worker.pid = pid
        self._master.WORKERS[pid] = worker

    def view(self, pending: Sequence[int]) -> mold.View:
        """In the master: the workers as they are now, for a mold."""
        master = self._master
        master.mark_leaving()
        workers = [(pid, each.age, each.alive) for pid, each in master.WORKERS.items()]
        return mold.View(master.roster.target, workers, pending)

    def before_fork(self, worker: Worker) -> None:
        """In a mold: run the hook pre_fork."""
        hooks.require("pre_fork", self._master.cfg.pre_fork, self._master, worker)

    def live(self, worker: Worker) -> NoReturn:
        """In a new worker: serve."""
        self._master.live(worker)
