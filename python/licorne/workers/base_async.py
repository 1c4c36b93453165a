"""Workers on another loop: it polls the engine, and one thread runs many requests at a time.

A subclass says how its loop watches a descriptor, calls later and runs one request.
"""

from __future__ import annotations

import time

from licorne.http.views import Request
from licorne.workers import frames, overdue
from licorne.workers.engine import EngineWorker
from licorne.workers.engine_config import Kind
from licorne.workers.overrides import own, replaced
from licorne.workers.slots import MOST_THREADS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from licorne._engine import Engine, Exchange
    from licorne.config import Config
    from licorne.sock import BaseSocket
    from licorne.workers.engine_config import Waiter

#: What an application returns that has answered on `gunicorn.socket` by itself (gunicorn's name).
ALREADY_HANDLED: tuple[bytes, ...] = ()

#: The timer of a worker may be this late, in seconds: fewer timers are set.
SLACK = 0.01


class AsyncWorker(EngineWorker):
    """Many requests at a time on one thread, each until it waits for something."""

    multithread = True

    #: A request has a waiter while its client does not take its response.
    has_waiters = True

    #: The last turn has brought as many requests as there was room for, and the engine leaves what
    #: comes to other workers until the next one.
    full = False

    #: When the timer wakes the loop (monotonic seconds).
    due = 0.0

    #: The first of the requests over their time that was not told yet.
    told = 0

    #: What `notify` of a subclass has raised: it ends the worker, as on all other worker types.
    failure: Exception | None = None

    @classmethod
    def most_at_once(cls, cfg: Config) -> int:
        """Requests with the application at a time, as far as the scoreboard has room."""
        return min(cfg.worker_connections, MOST_THREADS)

    def make_waiter(self) -> Waiter:
        """Make what a request waits with, while the others go on."""
        raise NotImplementedError

    def watch(self, fd: int, turn: Callable[[], None]) -> None:
        """Have `turn` called whenever the descriptor is readable."""
        raise NotImplementedError

    def call_later(self, seconds: float, turn: Callable[[], None]) -> None:
        """Have `turn` called once; what was asked for before is forgotten."""
        raise NotImplementedError

    def room(self) -> int | None:
        """How many requests can be begun now; None stands for any number."""
        return None

    def begin(self, exchange: Exchange) -> None:
        """Have `run_one` called with the exchange, soon, without waiting."""
        raise NotImplementedError

    def wait_for_end(self) -> None:
        """Let the loop run until `tell_end`, then end what is left."""
        raise NotImplementedError

    def tell_end(self) -> None:
        """There will be no more requests."""
        raise NotImplementedError

    def end_overdue(self) -> dict[int, str]:
        """Throw an exception into each request over its time; their stacks by their numbers."""
        raise NotImplementedError

    def stack_of(self, number: int, frame: FrameType | None) -> frames.Stack:
        """The stack of a request that has begun; `frame` is what a signal has interrupted."""
        raise NotImplementedError

    def handle_winch(self, sig: int, frame: FrameType | None) -> None:
        """Answer the master, which may have asked for the stack of a request.

        Here and not in a turn: a request that computes would put that off.
        """
        board = self.scoreboard
        number = None if board is None else board.take_asked(self.slot)
        if number is None:
            super().handle_winch(sig, frame)
        else:
            frames.answer(self.stack_pipe, self.stack_of(number, frame))

    def engine_kind(self) -> Kind:
        """`worker_connections` for each listener."""
        return Kind(
            multithread=self.multithread,
            max_connections=self.max_clients(),
            polled=True,
            make_waiter=self.make_waiter if self.has_waiters else None,
        )

    def max_clients(self) -> int:
        """`worker_connections` for each listener."""
        return self.cfg.worker_connections * max(1, len(self.sockets))

    def serve(self, engine: Engine) -> None:
        """Turn the engine whenever its loop finds that there is something to do."""
        self.watch(engine.fileno(), self.turn)
        self.turn()
        self.wait_for_end()
        if self.failure is not None:
            raise self.failure

    def turn(self) -> None:
        """Begin what is ready, and see to it that the next turn comes in time."""
        engine = self.engine
        if engine is None:
            raise RuntimeError("the engine is not started")
        self.try_beat()
        room = self.room()
        turned = engine.turn(self.inspects_requests, room)
        if turned is None:
            self.tell_end()
            return
        exchanges, wait = turned
        self.full = len(exchanges) == room
        for exchange in exchanges:
            self.begin(exchange)
        self.turn_within(wait)
        if engine.late():
            self.end_late()

    def turn_within(self, wait: float) -> None:
        """See to it that the next turn comes in so many seconds at the latest."""
        now = time.monotonic()
        if not now < self.due <= now + wait + SLACK:
            self.due = now + wait
            self.call_later(wait, self._turn_in_time)

    def try_beat(self) -> None:
        """Call the `notify` of a subclass; an exception would be lost in the loop."""
        try:
            self.beat()
        except Exception as error:
            self.failure = error
            self.tell_end()

    def _turn_in_time(self) -> None:
        # The clock of a loop may be ahead: whatever the time, this timer is spent.
        self.due = 0.0
        self.turn()

    def run_one(self, exchange: Exchange) -> None:
        """Run the application for one request; one that fails never ends the others."""
        try:
            self.run_alone(exchange)
        finally:
            self.look_for_more()

    def run_alone(self, exchange: Exchange) -> None:
        """The same, without a look at what has come with it."""
        if not exchange.admitted():
            # It has waited for too long since it was handed over, or its client has left.
            return
        if self.inspects_requests:
            self.attempt(lambda: self.take(Request(exchange, self.cfg)))
        else:
            self.attempt(lambda: self.run_bare(exchange))

    def look_for_more(self) -> None:
        """Begin with pipelined requests, which no event tells of."""
        if self.engine is not None and self.engine.pending:
            self.turn()

    def run_bare(self, exchange: Exchange) -> None:
        """Run the application for a request that no hook or subclass looks at."""
        if self.wsgi is not None:
            exchange.run_wsgi(self.wsgi)

    def attempt(self, run: Callable[[], object]) -> None:
        """Run a part of the application, which may not end the worker."""
        try:
            run()
        except (SystemExit, KeyboardInterrupt) as error:
            if not self.alive:
                # Not the application's: INT, QUIT or ABRT came while it ran.
                raise
            self.log.warning("The application raised %r; the worker goes on", error)

    def handles(self) -> bool:
        """Whether a subclass has its own `handle_request`."""
        return replaced(type(self), "handle_request")

    def hand_over(self, request: Request) -> None:
        """Call the `handle_request` of a subclass."""
        listener = self.sockets[request.exchange.listener or 0]
        self.handle_request(listener.getsockname(), request, request.socket, request.remote_addr)

    def call_handle(self, request: Request) -> None:
        """Call the `handle` of a tracer."""
        listener = self.sockets[request.exchange.listener or 0]
        self.handle(listener, request.socket, request.remote_addr)

    @own
    def handle(self, _listener: BaseSocket, _client: socket.socket, _addr: object) -> None:
        """Run the application for one request; for tracers to replace."""
        self.handle_in_hand()

    @own
    def handle_request(
        self, _listener_name: object, req: Request, _sock: socket.socket, _addr: object
    ) -> None:
        """Run the application for one request; for subclasses to extend."""
        self.run_exchange(req)

    def end_late(self) -> None:
        """Requests over their time: their clients have their answers, what runs is ended."""
        shown = self.end_overdue()
        board = self.scoreboard
        if board is None:
            return
        late = board.overdue(self.slot, self.told)
        if late and late[0].number > self.told:
            forgotten = late[0].number - self.told
            self.log.error("%s more requests were over their time", forgotten)
        for each in late:
            self.told = each.number + 1
            if each.setting != "request_timeout" or each.request.thread:
                # Of one that has kept the thread the master tells: for this it was too late.
                continue
            if board.claim_overdue(self.slot, each.number):
                stack = shown.get(each.request.id, "No Python stack: it has ended meanwhile")
                overdue.tell(self.log, self.pid, each, stack)
