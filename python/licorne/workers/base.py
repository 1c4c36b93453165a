"""`Worker`: gunicorn's contract for a worker process, with no network code in it.

The engine's workers and those of other projects (uvicorn, aiohttp, …) build on it. Signs of life
go to the scoreboard, shared memory that the arbiter made before the fork.
"""

# ruff: noqa: PLC0415 - start-up time

from __future__ import annotations

import os
import signal
import sys
import time

from licorne import aliases, hooks, util
from licorne.workers import frames, leaving, overrides
from licorne.workers.workertmp import WorkerTmp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from mmap import mmap
    from types import FrameType

    from _typeshed.wsgi import WSGIApplication

    from licorne._engine import Scoreboard
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.http.views import Request
    from licorne.reloader import Watcher
    from licorne.sock import BaseSocket
    from licorne.tls.keeper import Keeper
    from licorne.workers.application import Application


class Worker:
    """One worker process; made in the master, alive after the fork."""

    #: A list, as in gunicorn: programs change it.
    SIGNALS: list[signal.Signals] = [  # noqa: RUF012 - shared on purpose
        signal.SIGABRT, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM,
        signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCHLD,
    ]  # fmt: skip

    #: Whether a worker serves as soon as the application is loaded, or from its first `notify`.
    ready_before_run = False

    #: Whether the engine serves. Classes with network code of their own neither send clients on to
    #: TLS (`redirect_http`) nor record spans (`otlp`).
    on_engine = False

    #: A pipe of this process that signals write to, so that a waiting loop wakes.
    PIPE: Sequence[int] = ()

    #: When the process must have ended (monotonic seconds), once that was asked for.
    end_by: float | None = None

    def __init__(  # noqa: PLR0917 - gunicorn's contract
        self,
        age: int,
        ppid: int,
        sockets: list[BaseSocket],
        app: Application,
        timeout: float,
        cfg: Config,
        log: Logger,
    ) -> None:
        """Called in the master, before the fork; `timeout` is half the setting, as in gunicorn."""
        self.age = age
        self.pid: int | str = "[booting]"
        self.ppid = ppid
        self.sockets = sockets
        self.app = app
        self.timeout = timeout
        self.cfg = cfg
        self.booted = False
        self._told_ready = False
        self.aborted = False
        self.reloader: Watcher | None = None
        self.nr = 0
        self.max_requests = _with_jitter(cfg.max_requests, cfg.max_requests_jitter)
        self.alive = True
        self.log = log
        self.wait_fds: list[object] = []
        self.wsgi: WSGIApplication | None = None
        #: Set by the arbiter before the fork; a worker that a program makes has no scoreboard.
        self.scoreboard: Scoreboard | None = None
        self.slot = 0
        #: Shared memory where a worker notes that it has become one of another type (`Slots`).
        self.kinds: mmap | None = None
        #: The arbiter's wake-up pipe: one byte makes it look at the scoreboard.
        self.wakeup_fd = -1
        #: Fingerprint of what kept the last worker from booting; 0 for nothing.
        self.last_failure = 0
        #: With reuse_port, which of the master's sets of sockets this worker serves.
        self.socket_set = 0
        #: Where threads of this worker show their stacks (`frames`); -1: nowhere.
        self.stack_pipe = -1
        #: The queue by which workers hand connections to each other: its descriptors for putting in
        #: and for taking out.
        self.handover: tuple[int, int] | None = None
        #: What TLS is served with.
        self.certificates: Keeper | None = None
        self.tmp = WorkerTmp(self)

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"

    @overrides.own
    def notify(self) -> None:
        """Give a sign of life; to be called by the worker's loop, more often than `timeout`."""
        if self.scoreboard is None:
            return
        if self._told_ready:
            self.scoreboard.beat(self.slot)
        else:
            # Its loop runs: also that of a subclass whose `init_process` never called ours.
            self.booted = True
            self.mark_ready()

    def mark_ready(self) -> None:
        """Tell the master that the application is loaded and the worker serves."""
        self._told_ready = True
        if self.scoreboard is not None:
            # The last sign of life was the fork: from here on silence counts, and the loop may need
            # a moment until it gives the next one.
            self.scoreboard.beat(self.slot)
            self.scoreboard.mark_ready(self.slot)
        self.wake_master()

    def ask_replacement(self, code: int) -> None:
        """Ask the master for a successor, with a key of `causes.BY_CODE`; serve until told."""
        if self.scoreboard is not None:
            self.scoreboard.retire(self.slot, code)
        self.wake_master()

    def wake_master(self) -> None:
        """Make the master look at the scoreboard."""
        if self.wakeup_fd >= 0:
            try:
                os.write(self.wakeup_fd, b"\0")
            except BlockingIOError:
                # The pipe is full: the master has enough reasons to wake.
                return
            except BrokenPipeError:
                self.log.debug("The master of worker %s is gone", self.pid)

    def run(self) -> None:
        """Serve until `alive` is False. To be written by subclasses."""
        raise NotImplementedError

    def init_process(self) -> None:
        """Become a worker: environment, identity, files, signals, application; then `run`.

        Subclasses that extend it call this one last: it returns when the worker has ended.
        """
        for name, value in self.cfg.env.items():
            os.environ[name] = value
        util.set_owner_process(self.cfg.uid, self.cfg.gid, initgroups=self.cfg.initgroups)
        util.seed()
        self.PIPE = os.pipe()
        for fd in self.PIPE:
            util.set_non_blocking(fd)
            util.close_on_exec(fd)
        for listener in self.sockets:
            util.close_on_exec(listener.fileno())
        self.log.close_on_exec()
        self.wait_fds = [*self.sockets, self.PIPE[0]]
        self.init_signals()
        self._expect_debuggers()
        if self.stack_pipe >= 0:
            frames.offer(self.stack_pipe)
        if self.cfg.reload:
            from licorne.workers import reloading

            self.reloader = reloading.begin(self)
        self.load_wsgi()
        if self.reloader is not None and not self.reloader.is_alive():
            # One of the program's, which gunicorn starts here.
            self.reloader.start()
        if self.age == 1:
            aliases.tell_hidden(self.log)
        hooks.require("post_worker_init", self.cfg.post_worker_init, self)
        self.start_application()
        self.booted = True
        for listener in self.sockets:
            listener.begin()
        # A loop of another project may still have to start the application (the lifespan of ASGI)
        # and fail at it: its first sign of life says that it serves. Without `timeout` none is due.
        if self.ready_before_run or not self.cfg.timeout:
            self.mark_ready()
        self.run()

    def failing(self, error: BaseException) -> object:
        """What serves while the application cannot be loaded (`reload`): it shows why."""
        import traceback

        return util.make_fail_app("".join(traceback.format_exception(error)))

    def start_application(self) -> None:
        """Start what was loaded, if there is something to start before it serves."""

    def _expect_debuggers(self) -> None:
        """Keep `timeout` from interrupting a debugger."""
        if self.scoreboard is None or not self.cfg.timeout:
            return

        def tell() -> None:
            self.log.warning(
                "breakpoint() in worker (pid:%s): `timeout` does not count until its next request",
                self.pid,
            )

        sys.breakpointhook = self.scoreboard.breakpoint_hook(self.slot, tell, sys.breakpointhook)

    def load_wsgi(self) -> None:
        """Load the application; what it raises ends the worker with a boot error.

        With `reload`, it is shown to the browser until a changed file brings the application back.
        """
        aliases.meet_hooks()
        try:
            if self.reloader is None:
                self.wsgi = self.app.wsgi()
            else:
                from licorne.workers import reloading

                self.wsgi = reloading.load(self, self.reloader)
        except SystemExit as leaving:
            # INT and QUIT that come meanwhile leave the same way. The application's own must not
            # end worker after worker without a word, with status 0 perhaps.
            if self.alive:
                self.log.exception(
                    "The application left while it was loaded: status %r", leaving.code
                )
            raise

    def init_signals(self) -> None:
        """Take the signals that the master sends; the others get their default action."""
        handlers = {
            signal.SIGQUIT: self.handle_quit,
            signal.SIGTERM: self.handle_exit,
            signal.SIGINT: self.handle_quit,
            signal.SIGWINCH: self.handle_winch,
            signal.SIGUSR1: self.handle_usr1,
            signal.SIGABRT: self.handle_abort,
        }
        for each in self.SIGNALS:
            # In one step: with the default action in between, USR1 would end the worker.
            signal.signal(each, handlers.get(each, signal.SIG_DFL))
        # System calls of the application go on after these three.
        signal.siginterrupt(signal.SIGTERM, False)
        signal.siginterrupt(signal.SIGUSR1, False)
        signal.siginterrupt(signal.SIGWINCH, False)
        if self.PIPE:
            signal.set_wakeup_fd(self.PIPE[1], warn_on_full_buffer=False)

    def handle_usr1(self, _sig: int, _frame: FrameType | None) -> None:
        """Reopen the log files."""
        self.log.reopen_files()

    def handle_exit(self, _sig: int, _frame: FrameType | None) -> None:
        """Stop after the current work (TERM), which may be said twice."""
        self._end_within(self.cfg.graceful_timeout)
        first, self.alive = self.alive, False
        if first and self.reloader is not None and self.reloader.told:
            # gunicorn calls it for a stop by the reloader, too.
            hooks.call(self.log, "worker_int", self.cfg.worker_int, self)

    def handle_quit(self, _sig: int, _frame: FrameType | None) -> None:
        """Stop at once (INT, QUIT)."""
        self._end_within(leaving.QUICK)
        self.alive = False
        hooks.call(self.log, "worker_int", self.cfg.worker_int, self)
        # Threads of the application get a last moment, as with gunicorn.
        time.sleep(0.1)
        leaving.exit_untold(0)

    def handle_abort(self, _sig: int, _frame: FrameType | None) -> None:
        """Stop in the middle of a request (ABRT: the master saw no sign of life)."""
        self._end_within(leaving.ABORT)
        self.alive = False
        hooks.call(self.log, "worker_abort", self.cfg.worker_abort, self)
        leaving.exit_untold(1)

    def _end_within(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.end_by = end if self.end_by is None else min(self.end_by, end)

    def join_threads(self) -> None:
        """Wait for threads of the application, where the interpreter would not do so at its end."""

    def handle_winch(self, _sig: int, _frame: FrameType | None) -> None:
        """A changed terminal means nothing to a worker."""
        self.log.debug("worker: SIGWINCH ignored.")

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        """Called at the start, in the master: what has no effect with this type is told."""
        if cfg.otlp and not cls.on_engine:
            said = "otlp: %s has network code of its own, whose requests have no spans"
            log.warning(said, cfg.worker_class_str)

    @overrides.own
    def handle_error(
        self, req: Request | None, client: socket.socket, addr: object, exc: BaseException
    ) -> None:
        """Answer a failed request with an error page; for workers with their own network code."""
        from licorne.http.errorpage import answer

        answer(self.log, req, client, addr, exc)


def _with_jitter(most: int, jitter: int) -> int:
    """The number of requests after which this worker ends; practically never when 0."""
    if most <= 0:
        return sys.maxsize
    if not jitter:
        return most
    import random

    return most + random.randint(0, jitter)
