"""Workers on the native engine: a way to wait and a way to run, no socket or protocol code.

The engine is started after the fork and drained on TERM; each request runs between its hooks.
"""

# ruff: noqa: PLC0415 - nothing that only some workers need is imported by all

from __future__ import annotations

import math
import os
import signal
import threading
import time

from licorne.asgi.recognise import is_asgi
from licorne.config.settings.hooks import nothing
from licorne.errors import StartFailed
from licorne.http.views import Request, Response
from licorne.http.wsgi import may_be_replaced
from licorne.system import unpatched
from licorne.workers import overrides
from licorne.workers.access_log import IN_HAND
from licorne.workers.base import Worker
from licorne.workers.engine_config import EngineConfig, Kind, Wiring

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from types import FrameType

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from licorne._engine import Engine
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.http.answers import Answers
    from licorne.instrument.exporter import Exporter


def _answered(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    """The application of a request that was answered without the engine."""
    return []


class EngineWorker(Worker):
    """A worker whose requests come from the native engine."""

    ready_before_run = True
    on_engine = True

    #: The application runs on threads of its own, beside the main thread.
    multithread = False

    engine: Engine | None = None

    #: Methods that a subclass overrides in vain, as a warning says: the engine does their work.
    never_called: tuple[str, ...] = overrides.NEVER_CALLED
    #: Of these, what is called where ours was replaced on our class.
    traced: tuple[str, ...] = ("handle",)

    #: What a program has put in the place of `gunicorn.http.wsgi.Response`.
    answers: Answers | None = None

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        """Called at the start, in the master: what a subclass overrides in vain is told."""
        super().check_config(cfg, log)
        cls._tell_ignored(log)

    @classmethod
    def check_application(cls, cfg: Config, app: object) -> None:
        """Called by `--check-config`: StartFailed says that this type cannot serve it."""
        if is_asgi(app) and not cfg.is_default("worker_class"):
            raise StartFailed(
                "the application is ASGI, and the worker type "
                f"{cfg.worker_class_str} (worker_class, from {cfg.origins['worker_class']}) serves "
                "WSGI: use -k asgi, or leave -k away"
            )

    @classmethod
    def _tell_ignored(cls, log: Logger) -> None:
        names = tuple(
            name
            for name in cls.never_called
            if name not in cls.traced or not overrides.wrapped(cls, name)
        )
        overrides.tell_ignored(cls, log, names)

    def load_wsgi(self) -> None:
        """Load the application; for one that is ASGI this is the wrong kind of worker."""
        super().load_wsgi()
        if self.wsgi is not None and is_asgi(self.wsgi):
            from licorne.workers import recognised

            recognised.asgi(self)

    def run(self) -> None:
        """Serve until the engine is drained."""
        if not self.alive:
            # TERM came while the application was loading: its siblings serve the clients.
            return
        # What was replaced while the application was loaded.
        self._tell_ignored(self.log)
        if may_be_replaced():
            from licorne.http.answers import Answers

            self.answers = Answers.given(self.log)
        engine = self.start_engine()
        exporter = self._start_exporter(engine) if self.cfg.otlp else None
        try:
            if not self.alive:
                # TERM came while the engine was being made: its handler, not this code, set it.
                engine.stop(self.cfg.graceful_timeout)  # type: ignore[unreachable]
            self.serve(engine)
        finally:
            engine.close()
            if exporter is not None:
                left = math.inf if self.end_by is None else self.end_by - time.monotonic()
                exporter.stop(max(0.2, left))

    def _start_exporter(self, engine: Engine) -> Exporter:
        """What sends spans of the requests."""
        from licorne.instrument.exporter import Exporter

        exporter = Exporter(self.cfg, self.log, engine.take_recorded)
        exporter.start()
        return exporter

    def serve(self, engine: Engine) -> None:
        """Take requests until there are no more; an application that leaves ends its request."""
        while True:
            try:
                return self.serve_on(engine)
            except (SystemExit, KeyboardInterrupt) as error:
                if self.multithread or not self.alive:
                    # A thread has its own answer. Else INT, QUIT or ABRT came while it ran.
                    raise
                self.log.warning("The application raised %r; the worker goes on", error)

    def serve_on(self, engine: Engine) -> None:
        """Take requests and run the application, until there are no more."""
        if self.wsgi is None:
            raise RuntimeError("the application is not loaded")
        if not self.inspects_requests:
            engine.serve(self.wsgi)
            return
        # On a thread beside the main one, signs of life are not this loop's duty.
        beat = nothing if self.multithread else self.beat
        beat()
        for exchange in engine:
            self.take(Request(exchange, self.cfg))
            # While it waits for the next one, the body of this one is let go of.
            del exchange
            beat()

    def take(self, request: Request) -> None:
        """Handle one request, by the `handle_request` of a subclass if it has one."""
        if self.explains:
            self._explain(request)
        IN_HAND.set(request)
        try:
            if self.wraps():
                self._try_hand_over(request, self.call_handle)
            elif self.handles():
                self._try_hand_over(request, self.hand_over)
            else:
                self.run_exchange(request)
        finally:
            request.let_go()
            # The engine uses an exchange again when nothing refers to it.
            IN_HAND.set(None)

    def handle_in_hand(self) -> None:
        """Go on with the request for which a `handle` around ours was called."""
        request = IN_HAND.get()
        if request is None:
            raise RuntimeError("handle: there is no request; the engine calls it for each one")
        if self.handles():
            self.hand_over(request)
        else:
            self.run_exchange(request)

    def _try_hand_over(self, request: Request, call: Callable[[Request], None]) -> None:
        try:
            call(request)
            if request.exchange.environ is None:
                # It has answered on the socket; if it has done nothing, the client gets an error.
                request.exchange.run_wsgi(_answered)
        except Exception as error:
            # A method of the user, around the application or in its place.
            self._failed(request, error)

    @property
    def explains(self) -> bool:
        """The log wants to know what was made of forwarded headers."""
        return self.cfg.loglevel.lower() == "debug"

    def _explain(self, request: Request) -> None:
        said = request.exchange.explain_proxy()
        if said is not None:
            self.log.debug("%s %s: %s", request.method, request.path, said)

    def handles(self) -> bool:
        """Whether a subclass has its own `handle_request`."""
        return False

    def wraps(self) -> bool:
        """Whether a tracer has put a `handle` of its own in the place of ours."""
        return bool(self.traced) and overrides.wrapped(type(self), "handle")

    def notifies(self) -> bool:
        """Whether a subclass has its own `notify`."""
        return overrides.replaced(type(self), "notify")

    def reports(self) -> bool:
        """Whether a subclass has its own `handle_error`."""
        return overrides.replaced(type(self), "handle_error")

    @overrides.own
    def handle_error(
        self, req: Request | None, client: socket.socket, addr: object, exc: BaseException
    ) -> None:
        """For subclasses to extend: what the application raises, the engine tells and answers.

        Not called for requests that are wrong, nor for a body that fails on its way out.
        """
        if req is None or req.exchange.environ is None:
            # A `handle_request` that does without the application.
            super().handle_error(req, client, addr, exc)

    def call_handle(self, request: Request) -> None:
        """Call `handle` with the arguments that this kind of worker has in gunicorn."""
        self.run_exchange(request)

    def hand_over(self, request: Request) -> None:
        """Call `handle_request` with the arguments that this kind of worker has in gunicorn."""
        self.run_exchange(request)

    def _failed(self, request: Request, error: Exception) -> None:
        if request.exchange.environ is not None:
            # The application has run, or raised what the engine has told and answered.
            self.log.exception("Exception in handle_request of %s %s", request.method, request.uri)
            return

        def app(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
            raise error

        request.exchange.run_wsgi(app)

    def beat(self) -> None:
        """Call the `notify` of a subclass, if it has one; it may have ended the worker."""
        if self.notifies():
            self.notify()
            if not self.alive and self.engine is not None and not self.engine.stopping:
                self.engine.stop(self.cfg.graceful_timeout)

    def run_exchange(self, request: Request) -> None:
        """Run the application for one request, between its hooks."""
        exchange = request.exchange
        wsgi = self.wsgi
        if wsgi is None:
            raise RuntimeError("the application is not loaded")

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            try:
                # Inside, so that an exception of the hook is answered as one of the application.
                self.pre_request(request)
                request.tell_changes(environ, self.sockets)
                if self.answers is not None:
                    start_response = self.answers.starting(request, start_response)
                return wsgi(environ, start_response)
            except Exception as error:
                if self.reports():
                    self.handle_error(request, request.socket, request.remote_addr, error)
                # The engine tells it and answers, unless the subclass has.
                raise

        try:
            exchange.run_wsgi(app)
        finally:
            if not exchange.paused:
                self.finished(request)

    def finished(self, request: Request) -> None:
        """The response of a request is complete: call the hook."""
        exchange = request.exchange
        self.nr += 1
        try:
            response = Response(exchange, request)
            self.cfg.post_request(self, request, exchange.environ or {}, response)
        except Exception:
            # A hook of the user; the response has left already.
            self.log.exception("Exception in post_request hook")

    def pre_request(self, request: Request) -> None:
        """Call the hook; without one, say what comes at debug level, as gunicorn does."""
        if self.cfg.pre_request is nothing:
            self.log.debug("%s %s", request.method, request.path)
        else:
            self.cfg.pre_request(self, request)

    @property
    def inspects_requests(self) -> bool:
        """Python code sees each request: a hook, or a method of a subclass."""
        return (
            self.handles()
            or self.wraps()
            or self.answers is not None
            or self.reports()
            or (self.notifies() and not self.multithread)
            or self.cfg.pre_request is not nothing
            or self.cfg.post_request is not nothing
            or self.explains
        )

    def start_engine(self) -> Engine:
        """Make the engine: after the fork, once."""
        from licorne import _engine

        if self.scoreboard is None:
            raise RuntimeError("a worker on the engine needs the arbiter's scoreboard")
        config = EngineConfig(self.cfg, self.log, self.sockets, self.engine_kind(), self._wiring())
        listeners = [each.fileno() for each in self.sockets]
        #: By thread, what was blocked before it began to fork.
        self._held_signals: dict[int, set[int]] = {}
        self.engine = _engine.Engine(config, listeners, self.scoreboard, self.slot, self.log)
        os.register_at_fork(
            before=self._hold_signals,
            after_in_parent=self._release_signals,
            after_in_child=self.forked,
        )
        return self.engine

    def _hold_signals(self) -> None:
        """A signal for the child must not come before the handlers are its own."""
        held = signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        self._held_signals[threading.get_ident()] = held

    def _release_signals(self) -> None:
        held = self._held_signals.pop(threading.get_ident(), None)
        if held is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def forked(self) -> None:
        """In a process that the application has forked."""
        self.leave_to_parent()
        self._release_signals()

    def leave_to_parent(self) -> None:
        """In a process that the application has forked: the clients, the poller and the signals are
        the worker's, which goes on beside it."""
        if self.engine is None:
            return
        unpatched.set_wakeup_fd(-1)
        for number in self.SIGNALS:
            if getattr(signal.getsignal(number), "__self__", None) is self:
                unpatched.set_handler(number, signal.SIG_DFL)
        self.engine.leave()
        for listener in self.sockets:
            listener.sock.close()

    def engine_kind(self) -> Kind:
        """How this kind of worker runs requests."""
        return Kind(multithread=self.multithread)

    def relay_signals(self) -> int:
        """The descriptor that the engine writes numbers of signals to; -1 for none."""
        return -1

    def _wiring(self) -> Wiring:
        """What connects the engine with this process."""
        return Wiring(
            max_requests=self.max_requests if self.cfg.max_requests else 0,
            parent=self.ppid,
            master_fd=self.wakeup_fd,
            # Signals must end the wait of a loop on the main thread; and the engine obeys them at
            # once, when their handlers have to wait for the interpreter.
            signal_fd=self.PIPE[0] if self.PIPE else -1,
            signal_relay_fd=self.relay_signals(),
            handover=self.handover,
            certificates=self.certificates,
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the current work (TERM)."""
        super().handle_exit(sig, frame)
        if self.engine is not None:
            self.engine.stop(self.cfg.graceful_timeout)

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """Stop in the middle of a request (ABRT), whose client gets 504."""
        if self.engine is not None:
            self.engine.abort()
        super().handle_abort(sig, frame)

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """Reopen the log files, those that the engine writes included."""
        super().handle_usr1(sig, frame)
        if self.engine is not None:
            self.engine.access_log_reopened()
