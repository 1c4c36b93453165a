"""The master: collects events, asks the planner, performs its actions. Decides nothing itself.

It has one thread and never touches a client's data. Signals wake it through a pipe; so do workers
that become ready. Names and attributes are gunicorn's, because hooks use them.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import deque
from contextlib import suppress

from licorne import SERVER_SOFTWARE, aliases, hooks, util
from licorne.errors import HaltServer
from licorne.glogging.logger import remember, set_up
from licorne.master import losses, memory
from licorne.master.gauges import Gauges
from licorne.master.listeners import Listeners
from licorne.master.loop import Loop
from licorne.master.overdue import OverdueReporter
from licorne.master.spawning import Spawning
from licorne.master.stacks import Stacks
from licorne.pidfile import Pidfile
from licorne.supervisor import actions, events
from licorne.supervisor.converge import wake_after
from licorne.supervisor.plan import plan
from licorne.supervisor.record import replace
from licorne.supervisor.roster import Phase, Policy, Renewal, State, begin
from licorne.supervisor.tables import BOOT_ERRORS
from licorne.system import process, unpatched, upgrade
from licorne.systemd import SystemdNotifier, WorkerCounts
from licorne.workers.slots import BOOT_FAILURE, RETIRE_CAUSES, Slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from licorne.app.base import BaseApplication
    from licorne.config import Config
    from licorne.config.convert import Address
    from licorne.ctl.server import ControlServer
    from licorne.glogging import Logger
    from licorne.glogging.lending import Lender
    from licorne.metrics.server import MetricsServer
    from licorne.preload.bridge import Preload
    from licorne.sock import BaseSocket
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
        #: Events that somebody else than the loop brought up; see `ask`.
        self.asked: deque[events.Event] = deque()
        self.pid = os.getpid()
        self.master_name = "Master.2" if self.master_pid else "Master"
        self.pidfile: Pidfile | None = None
        self.worker_age = 0
        self._slots: Slots | None = None
        #: The end of the wake-up pipe that workers write to.
        self.bell = -1
        self.memory = memory.MemoryMonitor(None)
        self._preload: Preload | None = None
        #: Fingerprint of what kept the last worker that did not boot from it.
        self._last_failure = 0
        self._gauges = Gauges()
        self._lender: Lender | None = None
        self._control: ControlServer | None = None
        self._metrics: MetricsServer | None = None
        self._loop = Loop()
        #: Asks threads of workers for their Python stacks.
        self.stacks = Stacks(self.watch, self.unwatch)
        self.app = app
        self.cfg: Config = app.cfg
        self.log: Logger = self.cfg.logger_class(self.cfg)
        self._listeners = Listeners(self.log)
        self.notifier = SystemdNotifier(self.log)
        self._overdue = OverdueReporter(self.log, self.stacks)
        #: The number of workers that a program has set before the first fork, or in `setup`.
        self._noted: int | None = None
        self._keeps_number = self._sets_up = False
        self.roster = begin(self._policy(), self.master_pid)
        self._set_up()
        self.cfg.nworkers_changed(self, self.num_workers, None)

    def _set_up(self) -> None:
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

    @property
    def slots(self) -> Slots:
        """The scoreboard's places; made once, before the first fork."""
        if self._slots is None:
            most = getattr(self.worker_class, "most_at_once", lambda cfg: int(cfg.threads))
            self._slots = Slots(self.cfg.workers, most(self.cfg))
        return self._slots

    @property
    def LISTENERS(self) -> list[BaseSocket]:  # noqa: N802 - gunicorn's name
        """The listening sockets; with reuse_port, those of one worker."""
        return self._listeners.sockets

    @LISTENERS.setter
    def LISTENERS(self, sockets: list[BaseSocket]) -> None:  # noqa: N802 - gunicorn's name
        self._listeners.sockets = sockets

    @property
    def systemd(self) -> bool:
        """systemd has opened the sockets."""
        return self._listeners.systemd

    @systemd.setter
    def systemd(self, opened: bool) -> None:
        self._listeners.systemd = opened

    @property
    def PIPE(self) -> tuple[int, int] | tuple[()]:  # noqa: N802 - gunicorn's name
        """The wake-up pipe."""
        return self._loop.pipe

    @property
    def num_workers(self) -> int:
        """The wanted number of workers."""
        return self._policy().workers if self._sets_up else self.roster.target

    @num_workers.setter
    def num_workers(self, value: int) -> None:
        if self._sets_up:
            self._noted = value
        elif self._keeps_number:
            self._decide(events.Resized(value))
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
            self._remove_pidfile()
            raise
        util.set_process_title(f"{self.product}: master [{self.proc_name}]")
        try:
            self.manage_workers()
            self._follow_control()
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
            self._remove_pidfile()
            self._close_desks()
            sys.exit(-1)

    def start(self) -> None:
        """Become a server: pid file, signals, sockets, the first lines of the log."""
        self.log.info("Starting %s", aliases.title(self.cfg.prog))
        self.pid = os.getpid()
        if self.cfg.pidfile is not None:
            self.pidfile = Pidfile(self._pidfile_name(self.cfg.pidfile))
            self.pidfile.create(self.pid)
        self.cfg.on_starting(self)
        self.init_signals()
        self._lend_logs()
        self._listeners.open(self.cfg, self._inheritance)
        self._start_metrics()
        self.log.info("Listening at: %s (%s)", self._listeners, self.pid)
        self.log.info("Using worker: %s", self.cfg.worker_class_str)
        aliases.tell_hidden(self.log)
        check = getattr(self.worker_class, "check_config", None)
        if check is not None:
            check(self.cfg, self.log)
        self.memory = memory.monitor(self.cfg.max_worker_memory, self.log)
        self._prepare_preload()
        self.cfg.when_ready(self)

    def _lend_logs(self) -> None:
        """Let workers of another user have the log files that only this one can open."""
        if self._lender is None and (self.cfg.uid, self.cfg.gid) != (os.geteuid(), os.getegid()):
            from licorne.glogging.lending import Lender  # noqa: PLC0415 - for those who need it

            self._lender = Lender(self.log)
            self.watch(self._lender.fileno(), self._lender.answer)

    def _prepare_preload(self) -> None:
        if not self.cfg.preload_app or self._preload is not None:
            return
        if process.adopt_orphans():
            from licorne.preload.bridge import Preload  # noqa: PLC0415 - for those who preload

            self._preload = Preload(self, self._decide, time.monotonic)
        else:
            from licorne.preload import forksafety  # noqa: PLC0415 - for those who preload

            # No mold can give its children away on this system.
            forksafety.preload(self.app, self.log)

    def init_signals(self) -> None:
        """Make signals wake the loop."""
        self.bell = self._loop.open()
        unpatched.set_wakeup_fd(self.bell, warn_on_full_buffer=False)
        for each in self.SIGNALS:
            unpatched.set_handler(each, self.signal)

    def signal(self, sig: int, _frame: FrameType | None) -> None:
        """Remember a signal for the loop; threads of the program may call this, too."""
        self.SIG_QUEUE.append(sig)
        self.wakeup()

    def wakeup(self) -> None:
        """Have the loop look after everything now."""
        # Nobody waits for a loop that is not there yet.
        if self.bell >= 0:
            with suppress(BlockingIOError):  # The pipe is full: it has enough reasons to wake.
                unpatched.write(self.bell, b"\0")

    def _turn(self) -> None:
        """One round of the loop: wait, reap, obey, look after the workers."""
        now = time.monotonic()
        due = [
            wake_after(self.roster, now),
            self.notifier.wake_after(now),
            self.memory.wake_after(),
            self._molds_due(),
            self.stacks.wake_after(now),
            self._overdue.wake_after(now),
            # What a subclass does there, gunicorn does once a second.
            None if type(self).manage_workers is Arbiter.manage_workers else 1.0,
        ]
        due += [each.wake_after(now) for each in self._desks()]
        if not self.SIG_QUEUE:
            self._loop.wait(min((each for each in due if each is not None), default=None))
        self.notifier.live(time.monotonic())
        self.maybe_promote_master()
        self.stacks.look(time.monotonic())
        self.reap_workers()
        while self.SIG_QUEUE:
            # Like this, it may also be the list that gunicorn's subclasses make of it.
            number = self.SIG_QUEUE[0]
            del self.SIG_QUEUE[0]
            self.obey(number)
        while self.asked:
            self._decide(self.asked.popleft())
        for each in self._desks():
            each.look_after(time.monotonic())
        self.manage_workers()
        self._overdue.look(self.WORKERS.values())
        self.notifier.look(self._worker_counts())

    def _worker_counts(self) -> WorkerCounts:
        """The workers in numbers."""
        roster = self.roster
        serving = [each for each in roster.children if each.state is State.SERVING]
        newest = sum(each.generation == roster.generation for each in serving)
        if roster.renewal is not Renewal.NONE:
            # The next generation is still in its mold.
            newest = 0
        booting = sum(each.state is State.BOOTING for each in roster.children)
        return WorkerCounts(
            wanted=roster.target,
            serving=newest,
            older=len(serving) - newest,
            booting=booting,
            leaving=len(roster.children) - len(serving) - booting,
            # With another master in its place the service goes on.
            stopping=roster.phase is not Phase.RUNNING and not roster.upgrade,
        )

    def ask(self, event: events.Event) -> None:
        """Have the loop decide about an event, outside of what is being done now."""
        self.asked.append(event)

    def watch(self, fd: int, react: Callable[[int], None], mask: int = select.POLLIN) -> None:
        """Have the loop call `react` with the poll events of a descriptor; again to change them."""
        self._loop.watch(fd, react, mask)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor, before it is closed."""
        self._loop.unwatch(fd)

    def _follow_control(self) -> None:
        """Have the control socket that the configuration asks for."""
        if self._control is None:
            if self.cfg.control_socket_disable:
                return
            # Late: a server without a control socket needs none of it.
            from licorne.ctl.server import ControlServer  # noqa: PLC0415

            self._control = ControlServer(self)
        self._control.follow(self.cfg)

    def _start_metrics(self) -> None:
        left = self._inheritance.metrics
        if not (self.cfg.metrics_bind or left):
            return
        # Late: a server without metrics needs none of it.
        from licorne.metrics import place, server  # noqa: PLC0415

        self._metrics = server.MetricsServer(self, place.decode(left))
        self._metrics.start(self.cfg)

    def _follow_metrics(self) -> None:
        if self._metrics is not None:
            self._metrics.follow(self.cfg)
        elif self.cfg.metrics_bind:
            from licorne.metrics.server import MetricsServer  # noqa: PLC0415 - as above

            self._metrics = MetricsServer(self, None)
            self._metrics.follow(self.cfg)

    def _desks(self) -> list[ControlServer | MetricsServer]:
        """Where the master itself serves clients."""
        return [each for each in (self._control, self._metrics) if each is not None]

    def _close_desks(self) -> None:
        for each in self._desks():
            each.close()

    def _decide(self, event: events.Event) -> None:
        outcome = plan(self.roster, event, time.monotonic())
        self.roster = outcome.roster
        for action in outcome.actions:
            self._perform(action)

    def _perform(self, action: actions.Action) -> None:
        match action:
            case actions.Spawn(count):
                self.spawn_workers(count)
            case actions.Signal(pid, name):
                if name == "ABRT" and pid in self.WORKERS:
                    self._abort(self.WORKERS[pid])
                else:
                    self._listeners.settle(self.roster, self.WORKERS)
                    self.kill_worker(pid, getattr(signal, f"SIG{name}"))
            case actions.Log(level, message, args):
                # By name: loggers override `critical` to hear of timeouts.
                getattr(self.log, level)(message, *args)
            case actions.Bury():
                self._bury(action)
            case actions.NumberChanged(new, old):
                hooks.call(self.log, "nworkers_changed", self.cfg.nworkers_changed, self, new, old)
            case actions.Exit(status, reason):
                raise HaltServer(reason, status)
            case _:
                self._perform_on_files(action)

    def _perform_on_files(self, action: actions.Action) -> None:
        match action:
            case actions.Reload():
                self.reload()
            case actions.Reopen():
                self.log.reopen_files()
                if self._preload is not None:
                    self._preload.molds.reopen()
            case actions.Renew():
                if self._preload is not None:
                    self._preload.renew()
            case actions.Upgrade():
                self.reexec()
            case actions.CloseListeners(unlink):
                if self.roster.upgrade:
                    # Before this process ends: systemd believes the main process only, and takes
                    # its end for that of the service.
                    self.notifier.main_pid(self.roster.upgrade)
                if self._metrics is not None:
                    self._metrics.hand_over()
                self._listeners.close(unlink=unlink)
            case _:
                raise TypeError(f"not an action of the planner: {action!r}")

    def manage_workers(self) -> None:
        """Look at the workers, and keep their number."""
        self._keeps_number = True
        self._look_at_memory()
        self._decide(events.Tick(self._sightings()))
        self._gauges.tell(self.log, len(self.WORKERS))
        if self.cfg.enable_backlog_metric:
            self._gauges.tell_backlog(self.log, self._listeners.all())

    def _look_at_memory(self) -> None:
        for pid in self.memory.look(self.WORKERS, time.monotonic()):
            child = self.roster.child(pid)
            # One that still boots is judged when it serves, one that is to go anyway not at all.
            if child is None or child.state is not State.SERVING or self.roster.outdated(child):
                continue
            losses.tell_limit(self.log, pid, self.memory, self._in_hand(pid))
            self._decide(events.Retire(pid, "memory"))

    def _in_hand(self, pid: int) -> str:
        worker = self.WORKERS.get(pid)
        return "nothing" if worker is None else memory.in_hand(self.slots.in_flight(worker))

    def _tell_oom(self, pid: int) -> None:
        molds = () if self._preload is None else self._preload.molds.pids()
        if not self.memory.oom_killed() or pid not in {*self.WORKERS, *molds}:
            return
        what = "Mold" if pid in molds else "Worker"
        losses.tell_oom(self.log, what, pid, self.memory, self._in_hand(pid))

    def _sightings(self) -> tuple[events.Sighting, ...]:
        seen = ((pid, self.slots.read(worker)) for pid, worker in self.WORKERS.items())
        return tuple(
            events.Sighting(pid, one.ready, one.beat_age, RETIRE_CAUSES.get(one.retire, ""))
            for pid, one in seen
        )

    def let_go(self, kept: Sequence[BaseSocket] = ()) -> None:
        """In a process that is not the master: close the master's copies of what is its own."""
        self._loop.leave()
        if self._lender is not None:
            self._lender.leave()
        self._listeners.leave(kept)
        for desk in self._desks():
            desk.leave()
        self.stacks.leave()

    def _molds_due(self) -> float | None:
        molds = None if self._preload is None else self._preload.molds
        return None if molds is None else molds.look(self.cfg.boot_timeout)

    def _leave(self, worker: Worker) -> None:
        """In the new worker: take its slot, and let go of what is the master's."""
        if worker.scoreboard is not None:
            worker.scoreboard.claim(worker.slot)
        self.stacks.leave(worker.stack_pipe)
        self.let_go(worker.sockets)
        util.set_process_title(f"{self.product}: worker [{self.proc_name}]")

    def sockets(self) -> list[BaseSocket]:
        """Every listening socket of the server that the master holds."""
        return self._listeners.all()

    def _abort(self, worker: Worker) -> None:
        """ABRT a silent worker, as soon as the log says what it was doing."""
        worker.aborted = True

        def abort() -> None:
            if self.WORKERS.get(pid) is worker:
                self.kill_worker(pid, signal.SIGABRT)

        pid = int(worker.pid)
        self._overdue.before_abort(worker, abort)

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
        for end in process.ended():
            if end.signal == "SIGKILL":
                self._tell_oom(end.pid)
            if self._preload is not None and self._preload.molds.ended(end):
                continue
            worker = self.WORKERS.get(end.pid)
            answered = worker is not None and self.slots.read(worker).requests > 0
            self._decide(events.ChildExited(end.pid, end.code, end.signal, answered))

    def _bury(self, action: actions.Bury) -> None:
        worker = self.WORKERS.pop(action.pid)
        self.stacks.close(worker)
        self._overdue.bury(worker)
        losses.write_lines(self.log, self.slots.left_lines(worker))
        losses.tell_requests(self.log, worker.pid, self.slots.in_flight(worker))
        losses.tell_reading(self.log, worker.pid, self.slots.left_reading(worker))
        told = self.slots.read(worker).retire
        self._last_failure = told if told >= BOOT_FAILURE else 0
        self.slots.give_back(worker)
        worker.tmp.close()
        self._listeners.settle(self.roster, self.WORKERS)
        if action.hooks:
            hooks.call(self.log, "child_exit", self.cfg.child_exit, self, worker)

    def reload(self) -> None:
        """Read the configuration again and begin a new generation of workers (HUP)."""
        self.log.info("Hang up: %s", self.master_name)
        self.notifier.reloading()
        for name in self.cfg.env:
            if name in self.cfg.env_orig:
                os.environ[name] = self.cfg.env_orig[name]
            else:
                os.environ.pop(name, None)
        undo = remember(self.log)
        try:
            # The link that the server was started in may lead to another release by now.
            os.chdir(self.START_CTX.directory)
            self.app.reload()
            # Both are resolved here, where a wrong name can still be refused.
            _ = (self.app.cfg.worker_class, self.app.cfg.logger_class)
            set_up(self.log, self.app.cfg)
            self._adopt_listeners()
        except (Exception, SystemExit) as error:
            self._refuse_reload(error, undo)
            return
        self.log.reopen_files()
        self._set_up()
        hooks.call(self.log, "on_reload", self.cfg.on_reload, self)
        self._rewrite_pidfile()
        self._follow_control()
        self._follow_metrics()
        util.set_process_title(f"{self.product}: master [{self.proc_name}]")
        self.memory = memory.monitor(self.cfg.max_worker_memory, self.log)
        self._lend_logs()
        self._prepare_preload()
        if self._preload is None:
            self._decide(self.reconfigured())
        elif self.cfg.preload_app:
            self._decide(events.Renewing())
        else:
            self._preload.molds.dismiss()
            self._decide(self.reconfigured())

    def reconfigured(self) -> events.Reconfigured:
        """What the planner is told when the next workers are to be of a new generation."""
        return events.Reconfigured(self._policy())

    def _refuse_reload(self, error: BaseException, undo: Callable[[], None]) -> None:
        """A configuration that cannot be used must never end a server that serves."""
        self.app.cfg = self.cfg
        self._return()
        os.environ.update(self.cfg.env)
        # Not set up again: the file of a logging configuration may be what is broken.
        undo()
        said = str(error) if isinstance(error, Exception) else f"reading it ended with {error!r}"
        refused = "Reload refused, the present configuration stays: %s"
        self.log.error(refused, said, exc_info=error.__cause__)
        self.notifier.refused(said)
        self._decide(events.ReloadRefused(said))

    def _return(self) -> None:
        """Back to the directory of the configuration that stays."""
        try:
            os.chdir(self.cfg.chdir)
        except OSError as error:
            # It was removed meanwhile; workers that are there are not concerned.
            self.log.warning("Cannot go back to %s: %s", self.cfg.chdir, error.strerror)

    def _adopt_listeners(self) -> None:
        cfg = self.app.cfg
        if cfg.address != self.address and self._listeners.rebind(cfg):
            self.log.info("Listening at: %s", self._listeners)

    def _rewrite_pidfile(self) -> None:
        if self.cfg.pidfile is None or self.pidfile is None:
            self._remove_pidfile()
        if self.cfg.pidfile is not None:
            self._remove_pidfile()
            self.pidfile = Pidfile(self._pidfile_name(self.cfg.pidfile))
            try:
                self.pidfile.create(self.pid)
            except RuntimeError as error:
                # A server that serves does not end for a file.
                self.log.error("%s", error)  # noqa: TRY400 - the message says all

    def _pidfile_name(self, configured: str) -> str:
        return f"{configured}.2" if self.roster.parent else configured

    def _remove_pidfile(self) -> None:
        if self.pidfile is not None:
            self.pidfile.unlink()
            self.pidfile = None

    def reexec(self) -> None:
        """Start the program anew, with the same sockets, beside this one (USR2)."""
        metrics = None
        try:
            metrics = None if self._metrics is None else self._metrics.bequeath()
            pid = process.fork(self.SIGNALS)
        except OSError as error:
            # Without a descriptor or a process to spare: this one goes on.
            self.log.error("Cannot start a new master: %s", error)  # noqa: TRY400 - says all
            if metrics is not None:
                metrics.close()
            return
        if pid:
            if metrics is not None:
                metrics.close()
            self.log.info("New master with pid: %s", pid)
            self._decide(events.Upgraded(pid))
            return
        try:
            sockets = self._listeners.all()
            env = upgrade.environment(self.cfg.env_orig, self.pid, sockets, self.systemd)
            if metrics is not None:
                env[upgrade.METRICS] = metrics.encode()
            hooks.require("pre_exec", self.cfg.pre_exec, self)
            fds = [each.fileno() for each in sockets]
            upgrade.execute(self.START_CTX, env, fds, self.systemd)
        except BaseException:
            # The rim of this process: it must not go on as a second master.
            self.log.exception("Cannot execute the new master: %s", self.START_CTX.words)
        finally:
            os._exit(1)

    def maybe_promote_master(self) -> None:
        """Take the old master's name when it has gone (after USR2)."""
        if not self.roster.parent or os.getppid() == self.roster.parent:
            return
        self._decide(events.Promoted())
        self.master_pid = 0
        self.master_name = "Master"
        if self.pidfile is not None and self.cfg.pidfile is not None:
            try:
                self.pidfile.rename(self.cfg.pidfile)
            except RuntimeError as error:
                # A server that serves does not end for a file.
                self.log.error("%s", error)  # noqa: TRY400 - the message says all
        if self.notifier.enabled:
            from licorne.master import mainpid  # noqa: PLC0415 - for those who upgrade under systemd

            mainpid.announce_again(self.log, self.SIGNALS, self.let_go)
        self.log.info("Master has been promoted.")
        # The old master had the control socket's path.
        self._follow_control()
        util.set_process_title(f"{self.product}: master [{self.proc_name}]")

    def stop(self, graceful: bool = True) -> None:
        """Stop listening, and wait until the last worker is gone."""
        with suppress(HaltServer):
            if self.roster.phase is not Phase.STOPPED:
                self._decide(events.StopAsked(graceful))
            while self.roster.phase is not Phase.STOPPED:
                self._turn()
        if self._preload is not None:
            self._preload.molds.close()

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End the server: stop, say so, leave no file behind, exit."""
        self.stop()
        self.notifier.look(self._worker_counts())
        tell = self.log.info if exit_status == 0 else self.log.error
        tell("Shutting down: %s", self.master_name)
        if reason is not None:
            tell("Reason: %s", reason)
        self._remove_pidfile()
        self._close_desks()
        hooks.call(self.log, "on_exit", self.cfg.on_exit, self)
        process.ignore(self.SIGNALS)
        sys.exit(exit_status)
