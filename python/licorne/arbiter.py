"""The master by gunicorn's names: collects events, asks the planner, performs its actions.

It has one thread and never touches a client's data. Signals wake it through a pipe; so do workers
that become ready. Decides nothing itself; what it consists of is in `licorne.master`.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque
from contextlib import suppress

from licorne import SERVER_SOFTWARE, aliases, hooks, util
from licorne.errors import HaltServer
from licorne.master import looking, pidfiles, reaping, reexec, reload
from licorne.master.decisions import Decisions
from licorne.master.endpoints import Endpoints
from licorne.master.memory import monitor
from licorne.master.parts import Parts
from licorne.master.performing import perform
from licorne.master.spawning import Spawning
from licorne.supervisor import events
from licorne.supervisor.converge import wake_after
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Phase, Policy, begin
from licorne.supervisor.tables import BOOT_ERRORS
from licorne.system import process, unpatched, upgrade
from licorne.workers.slots import Slots, most_at_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from licorne._engine import TlsCertificate
    from licorne.app.base import BaseApplication
    from licorne.config import Config
    from licorne.config.convert import Address
    from licorne.ctl.server import ControlServer
    from licorne.glogging import Logger
    from licorne.metrics.server import MetricsServer
    from licorne.pidfile import Pidfile
    from licorne.sock import BaseSocket
    from licorne.supervisor.roster import Roster
    from licorne.workers.base import Worker


class Arbiter(Spawning):
    """Keeps the wanted number of workers running."""

    #: Exit codes of workers that cannot work (gunicorn's names).
    WORKER_BOOT_ERROR, APP_LOAD_ERROR = BOOT_ERRORS

    def __init__(self, app: BaseApplication) -> None:
        self.START_CTX = upgrade.start_of(app)
        self._inheritance = upgrade.inherit()
        self.master_pid = self._inheritance.master
        os.environ["SERVER_SOFTWARE"] = aliases.software(SERVER_SOFTWARE)
        self.WORKERS: dict[int, Worker] = {}
        self.SIG_QUEUE: deque[int] = deque()
        self.pid = os.getpid()
        self.master_name = "Master.2" if self.master_pid else "Master"
        self.pidfile: Pidfile | None = None
        self.worker_age = 0
        self._slots: Slots | None = None
        #: The end of the wake-up pipe that workers write to.
        self.wakeup_fd = -1
        self.app = app
        self.cfg: Config = app.cfg
        self.log: Logger = self.cfg.logger_class(self.cfg)
        self.parts = Parts(self.log, Endpoints(self._control_server, self._metrics_server))
        #: Asks threads of workers for their Python stacks.
        self.stacks = self.parts.stacks
        #: The number of workers that a program has set before the first fork, or in `setup`.
        self._noted: int | None = None
        self._keeps_number = self._sets_up = False
        first = begin(self._policy(), self.master_pid)
        self._decisions = Decisions(first, lambda action: perform(self, action))
        self.set_up()
        self.cfg.nworkers_changed(self, self.num_workers, None)

    def _control_server(self) -> ControlServer:
        from licorne.ctl.server import ControlServer  # noqa: PLC0415 - for servers that have one

        return ControlServer(self)

    def _metrics_server(self, left: str) -> MetricsServer:
        from licorne.metrics import endpoint, server  # noqa: PLC0415 - for servers that have one

        return server.MetricsServer(self, endpoint.decode(left))

    def set_up(self) -> None:
        """`setup`, in which a subclass may set the number of workers."""
        self._noted = None
        self._sets_up = True
        try:
            self.setup(self.app)
        finally:
            self._sets_up = False
        if not self._keeps_number:
            self.roster = replace(self.roster, target=self._policy().workers)

    def setup(self, app: BaseApplication) -> None:
        """Take the settings of the application (at start and after each reload)."""
        self.app = app
        self.cfg = app.cfg
        self.worker_class: type[Worker] = self.cfg.worker_class
        self.address: list[Address] = self.cfg.address
        self.timeout = self.cfg.timeout
        self.proc_name = self.cfg.proc_name
        self.log.debug("Current configuration:\n%s", self.cfg)
        os.environ.update(self.cfg.env)

    def _policy(self) -> Policy:
        cfg = self.cfg
        return Policy(
            workers=cfg.workers if self._noted is None else self._noted,
            timeout=cfg.timeout,
            graceful_timeout=cfg.graceful_timeout,
            daemon=cfg.daemon,
            surge=None if cfg.reload_strategy == "all" else cfg.reload_surge,
            boot_timeout=cfg.boot_timeout,
            drain_delay=cfg.drain_delay,
            worker_max_age=cfg.worker_max_age,
            preload=cfg.preload_app,
        )

    @property
    def product(self) -> str:
        """The name that the server was started by."""
        return aliases.product(self.cfg.prog)

    def certificates(self) -> list[tuple[str, TlsCertificate]]:
        """The certificates that are served, by the first name of each."""
        return self.parts.certificates.served()

    @property
    def slots(self) -> Slots:
        """The slots of the scoreboard; made once, before the first fork."""
        if self._slots is None:
            most = most_at_once(self.worker_class, self.cfg)
            self._slots = Slots(self.cfg.workers, most)
        return self._slots

    @property
    def roster(self) -> Roster:
        """What the planner knows of the workers."""
        return self._decisions.roster

    @roster.setter
    def roster(self, roster: Roster) -> None:
        self._decisions.roster = roster

    @property
    def LISTENERS(self) -> list[BaseSocket]:  # noqa: N802 - gunicorn's name
        """The listening sockets; with reuse_port, those of one worker."""
        return self.parts.listeners.sockets

    @LISTENERS.setter
    def LISTENERS(self, sockets: list[BaseSocket]) -> None:  # noqa: N802 - gunicorn's name
        self.parts.listeners.sockets = sockets

    @property
    def systemd(self) -> bool:
        """systemd has opened the sockets."""
        return self.parts.listeners.systemd

    @systemd.setter
    def systemd(self, opened: bool) -> None:
        self.parts.listeners.systemd = opened

    @property
    def PIPE(self) -> tuple[int, int] | tuple[()]:  # noqa: N802 - gunicorn's name
        """The wake-up pipe."""
        return self.parts.loop.pipe

    @property
    def num_workers(self) -> int:
        """The wanted number of workers."""
        return self._policy().workers if self._sets_up else self._decisions.target

    @num_workers.setter
    def num_workers(self, value: int) -> None:
        if self._sets_up:
            self._noted = value
        elif self._keeps_number:
            self.decide(events.Resized(value))
        else:
            # Nothing is listened at yet, so there is nothing to fork workers for.
            self._noted, old = value, self.roster.target
            self.roster = replace(self.roster, target=value)
            self.cfg.nworkers_changed(self, value, old)

    @property
    def reexec_pid(self) -> int:
        """The new master that this one has executed (gunicorn's name); 0 for none."""
        return self.roster.upgrade

    @reexec_pid.setter
    def reexec_pid(self, pid: int) -> None:
        self.roster = replace(self.roster, upgrade=pid)

    def run(self) -> None:
        """Start, then serve until told to stop. Does not return: it exits with a status."""
        try:
            self.start()
        except BaseException:
            pidfiles.remove(self)
            raise
        self.set_title()
        try:
            self.manage_workers()
            self.parts.endpoints.follow_control(self.cfg)
            while True:
                self._turn()
        except HaltServer as halt:
            self.halt(halt.reason or None, halt.exit_status)
        except (KeyboardInterrupt, StopIteration):
            self.halt()
        except Exception:
            # The rim of the loop: a bug, or a hook that raised. The workers must not be orphaned.
            self.log.exception("Unhandled exception in main loop")
            self.stop(graceful=False)
            pidfiles.remove(self)
            self.parts.endpoints.close()
            sys.exit(-1)

    def start(self) -> None:
        """Become a server: pid file, signals, sockets, the first lines of the log."""
        self.log.info("Starting %s", aliases.title(self.cfg.prog))
        self.pid = os.getpid()
        pidfiles.create(self)
        self.cfg.on_starting(self)
        self.init_signals()
        self._lend_logs()
        parts = self.parts
        parts.certificates.adopt(self.cfg, parts.certificates.read(self.cfg))
        listeners = self.parts.listeners
        listeners.open(self.cfg, self._inheritance)
        self.parts.endpoints.start_metrics(self.cfg, self._inheritance.metrics)
        self.log.info("Listening at: %s (%s)", listeners, self.pid)
        self.log.info("Using worker: %s", self.cfg.worker_class_str)
        aliases.tell_hidden(self.log)
        check = getattr(self.worker_class, "check_config", None)
        if check is not None:
            check(self.cfg, self.log)
        self.parts.memory = monitor(self.cfg.max_worker_memory, self.log)
        self._prepare_preload()
        self.cfg.when_ready(self)

    def prepare(self) -> None:
        """Have what the settings of the next workers need, after a reload."""
        self._lend_logs()
        self._prepare_preload()

    def set_title(self) -> None:
        """Show the master in the system's list of processes."""
        util.set_process_title(f"{self.product}: master [{self.proc_name}]")

    def _lend_logs(self) -> None:
        """Let workers of another user have the log files that only this one can open."""
        if self.parts.lender is None and (self.cfg.uid, self.cfg.gid) != (
            os.geteuid(),
            os.getegid(),
        ):
            from licorne.glogging.lending import Lender  # noqa: PLC0415 - rarely needed

            lender = self.parts.lender = Lender(self.log)
            self.watch(lender.fileno(), lender.answer)

    def _prepare_preload(self) -> None:
        if not self.cfg.preload_app or self.parts.preload is not None:
            return
        if process.adopt_orphans():
            from licorne.preload.bridge import Bridge  # noqa: PLC0415 - for --preload

            self.parts.preload = Bridge(self, time.monotonic)
        else:
            from licorne.preload import forksafety  # noqa: PLC0415 - for --preload

            # No mold can give its children away on this system.
            forksafety.preload(self.app, self.log)

    def init_signals(self) -> None:
        """Make signals wake the loop."""
        self.wakeup_fd = self.parts.loop.open()
        unpatched.set_wakeup_fd(self.wakeup_fd, warn_on_full_buffer=False)
        for each in self.SIGNALS:
            unpatched.set_handler(each, self.signal)

    def signal(self, sig: int, _frame: FrameType | None) -> None:
        """Remember a signal for the loop; threads of the program may call this, too."""
        self.SIG_QUEUE.append(sig)
        self.wakeup()

    def wakeup(self) -> None:
        """Have the loop look after everything now."""
        # Before the loop is there, nothing waits.
        if self.wakeup_fd >= 0:
            with suppress(BlockingIOError):  # The pipe is full: it has enough reasons to wake.
                unpatched.write(self.wakeup_fd, b"\0")

    def _turn(self) -> None:
        """One round of the loop: wait, reap, obey, look after the workers."""
        parts = self.parts
        due = self._due(time.monotonic())
        if not self.SIG_QUEUE:
            parts.loop.wait(min(due, default=None))
        parts.notifier.live(time.monotonic())
        self.maybe_promote_master()
        self.stacks.look(time.monotonic())
        self.reap_workers()
        while self.SIG_QUEUE:
            # Like this, it may also be the list that gunicorn's subclasses make of it.
            number = self.SIG_QUEUE[0]
            del self.SIG_QUEUE[0]
            self.obey(number)
        self._decisions.run()
        parts.endpoints.look_after(time.monotonic())
        parts.certificates.look(time.monotonic())
        self.manage_workers()
        parts.overdue.look(self.WORKERS.values())
        parts.notifier.look(looking.worker_counts(self.roster))

    def _due(self, now: float) -> list[float]:
        """Seconds until each part of the master has something to do by itself."""
        parts = self.parts
        molds = None if parts.preload is None else parts.preload.molds
        waits = [
            wake_after(self.roster, now),
            parts.notifier.wake_after(now),
            parts.memory.wake_after(),
            None if molds is None else molds.look(self.cfg.boot_timeout),
            self.stacks.wake_after(now),
            parts.overdue.wake_after(now),
            parts.certificates.wake_after(now),
            1.0 if self._tells_metrics() or self._looks_otherwise() else None,
            *parts.endpoints.wake_after(now),
        ]
        return [each for each in waits if each is not None]

    def _tells_metrics(self) -> bool:
        """At each look, which gunicorn does once a second."""
        return bool(self.cfg.statsd_host) or self.cfg.enable_backlog_metric

    def _looks_otherwise(self) -> bool:
        """What a subclass does at each look, it does once a second."""
        return type(self).manage_workers is not Arbiter.manage_workers

    def ask(self, event: events.Event) -> None:
        """Have the loop decide about an event, outside of what is being done now."""
        self._decisions.add(event)

    def decide(self, event: events.Event) -> None:
        """Have an event decided now, or when the one that is being performed is done."""
        self._decisions.decide(event)

    def watch(self, fd: int, react: Callable[[int], None], mask: int = select.POLLIN) -> None:
        """Have the loop call `react` with the poll events of a descriptor; again to change them."""
        self.parts.loop.watch(fd, react, mask)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor, before it is closed."""
        self.parts.loop.unwatch(fd)

    def manage_workers(self) -> None:
        """Look at the workers, and keep their number."""
        self._keeps_number = True
        looking.look(self)
        if self.cfg.statsd_host:
            from licorne.metrics import collect  # noqa: PLC0415 - for servers that have statsd

            self.parts.gauges.tell_families(self.log, collect.connections(self))

    def let_go(self, kept: Sequence[BaseSocket] = ()) -> None:
        """In a process that is not the master: close the master's copies of what is its own."""
        self._decisions.leave()
        self.parts.leave(kept)

    def _leave(self, worker: Worker) -> None:
        """In the new worker: take its slot, and let go of what is the master's."""
        if worker.scoreboard is not None:
            worker.scoreboard.claim(worker.slot)
        self.stacks.leave(worker.stack_pipe)
        self.let_go(worker.sockets)
        util.set_process_title(f"{self.product}: worker [{self.proc_name}]")

    def sockets(self) -> list[BaseSocket]:
        """Every listening socket of the server that the master holds."""
        return self.parts.listeners.all()

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a signal to a worker."""
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            self.log.debug("Worker (pid:%s) has ended before it could be signalled", pid)

    def kill_workers(self, sig: int) -> None:
        """Send a signal to every worker."""
        for pid in list(self.WORKERS):
            self.kill_worker(pid, sig)

    def reap_workers(self) -> None:
        """Take the exit status of every child that has ended."""
        reaping.reap(self)

    def reload(self) -> None:
        """Read the configuration again and begin a new generation of workers (HUP)."""
        reload.reload(self)

    def reconfigured(self) -> events.Reconfigured:
        """What the planner is told when the next workers are to be of a new generation."""
        return events.Reconfigured(self._policy())

    def reexec(self) -> None:
        """Start the program anew, with the same sockets, beside this one (USR2)."""
        reexec.reexec(self)

    def maybe_promote_master(self) -> None:
        """Take the old master's name when it has gone (after USR2)."""
        reexec.promote(self)

    def stop(self, graceful: bool = True) -> None:
        """Stop listening, and wait until the last worker is gone."""
        self._decisions.give_up()
        with suppress(HaltServer):
            if self.roster.phase is not Phase.STOPPED:
                self.decide(events.StopAsked(graceful))
            while self.roster.phase is not Phase.STOPPED:
                self._turn()
        if self.parts.preload is not None:
            self.parts.preload.molds.close()

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End the server: stop, say so, leave no file behind, exit."""
        self.stop()
        self.parts.notifier.look(looking.worker_counts(self.roster))
        tell = self.log.info if exit_status == 0 else self.log.error
        tell("Shutting down: %s", self.master_name)
        if reason is not None:
            tell("Reason: %s", reason)
        pidfiles.remove(self)
        self.parts.endpoints.close()
        hooks.call(self.log, "on_exit", self.cfg.on_exit, self)
        process.ignore(self.SIGNALS)
        sys.exit(exit_status)
