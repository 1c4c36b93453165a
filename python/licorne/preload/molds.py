"""The master's side of `--preload`: the molds that workers come from, and what was asked of them.

One mold is present and forks; at a reload another one is coming, and takes its place when it has
loaded the application. One that cannot load it changes nothing for those that serve. Decides
nothing about workers: what happened is told to the master, which asks the planner.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress

from licorne.preload import mold
from licorne.system import process, unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import NoReturn, Protocol

    from licorne.master.face import Loop
    from licorne.system.process import Ended
    from licorne.workers.base import Worker

    class Owner(Loop, Protocol):
        """What the molds ask of the master."""

        signals: Sequence[signal.Signals]

        def become_mold(self, channel: socket.socket) -> NoReturn:
            """In the new process."""

        def spawned(self, worker: Worker, pid: int) -> None:
            """A worker that was asked for is a child of the master."""

        def not_spawned(self, worker: Worker, reason: str) -> None:
            """A worker that was asked for will not come, though its mold goes on."""

        def mold_ready(self) -> None:
            """The mold of a reload has loaded the application: the next workers are new."""

        def mold_lost(self, end: Ended, orphaned: Sequence[Worker], coming: bool) -> None:
            """A mold has ended that was needed, with the workers asked of it."""

        def view(self, pending: Sequence[int]) -> mold.View:
            """The workers as the master sees them now."""

        def mold_ended(self, pid: int) -> None:
            """A mold is gone, needed or not."""


#: Seconds in which a mold that has loaded its application must have answered an order.
ANSWER_WITHIN = 30.0
#: Seconds that molds get to end when the server ends: exit handlers of the application run.
FAREWELL = 2.0


class Mold:
    """One mold process, as its master sees it."""

    def __init__(self, pid: int, channel: socket.socket, now: float) -> None:
        self.pid = pid
        self.channel = channel
        self.begun_at = now
        #: The application is loaded.
        self.ready = False
        #: Told to end: its end is no news.
        self.leaving = False
        #: Beyond its time, and sent the one SIGKILL.
        self.killed = False
        #: Workers asked for and not yet there, by age, with the time they were asked for.
        self.asked: dict[int, tuple[Worker, float]] = {}

        #: The channel is among those that the loop looks at.
        self.watched = True

    def order(self, worker: Worker, view: mold.View) -> None:
        """Send the order for a worker, with its sockets and the pipe for its stacks."""
        queue = worker.handover
        redirects = sum(each.redirects for each in worker.sockets)
        numbers = worker.age, worker.slot, worker.socket_set, redirects
        order = mold.Order(*numbers, handover=queue is not None, view=view)
        message = order.encode()
        fds = [*(each.fileno() for each in worker.sockets), *(queue or ()), worker.stack_pipe]
        socket.send_fds(self.channel, [message], fds)

    def end(self) -> None:
        """Have it end: after what was ordered, or at once while it is still loading."""
        self.leaving = True
        if self.ready:
            self.channel.shutdown(socket.SHUT_WR)
        else:
            os.kill(self.pid, signal.SIGKILL)


class Molds:
    """All molds of one master."""

    def __init__(self, owner: Owner, clock: Callable[[], float]) -> None:
        self._owner = owner
        self._clock = clock
        self._molds: dict[int, Mold] = {}
        self._present: Mold | None = None
        self._coming: Mold | None = None

    def pids(self) -> tuple[int, ...]:
        """The molds that are there, the present one first."""
        return tuple(each.pid for each in (self._present, self._coming) if each is not None)

    def ask(self, worker: Worker) -> None:
        """Have a worker forked; the answer is `spawned`, `not_spawned` or `mold_lost`.

        OSError when there is no mold and none can be forked.
        """
        if self._present is None:
            self._present = self._begin()
        self._present.asked[worker.age] = (worker, self._clock())
        if self._present.ready:
            self._order(self._present, worker)

    def renew(self) -> None:
        """Begin a mold with what the code and the settings now are; OSError if there is no room."""
        if self._coming is not None:
            # It loads what has changed again since.
            self._coming.end()
            self._coming = None
        self._coming = self._begin()

    def reopen(self) -> None:
        """The log files were moved: have the molds open them anew, before they fork again."""
        for each in self._molds.values():
            if not each.leaving:
                # One that has just ended has no files; one that takes no messages is found out
                # when it does not answer an order.
                with suppress(BrokenPipeError, BlockingIOError):
                    each.channel.send(mold.REOPEN)

    def ended(self, end: Ended) -> bool:
        """Whether the process that has ended was a mold; what it had said before is heard first."""
        for each in list(self._molds.values()):
            self._listen(each)
        gone = self._molds.pop(end.pid, None)
        if gone is None:
            # What was heard may have been that the coming mold is ready: it is not said again.
            self._change()
            return False
        self._unwatch(gone)
        gone.channel.close()
        self._owner.mold_ended(gone.pid)
        coming = gone is self._coming
        if coming:
            self._coming = None
        elif gone is self._present:
            self._present = None
        if not gone.leaving:
            self._owner.mold_lost(end, [worker for worker, _ in gone.asked.values()], coming)
        self._change()
        return True

    def look(self, boot_timeout: float) -> float | None:
        """Kill what is beyond its time; seconds until the next look, None while nothing is due."""
        now = self._clock()
        for each in self._molds.values():
            late = _lateness(each, now, boot_timeout)
            if late and not each.killed and not each.leaving:
                each.killed = True
                self._owner.log.error("Mold (pid:%s) %s; it is killed", each.pid, late)
                os.kill(each.pid, signal.SIGKILL)
        busy = any(not each.ready or each.asked for each in self._molds.values())
        return 1.0 if busy else None

    def dismiss(self) -> None:
        """No mold is needed any more: each ends after what it was asked for, or without it."""
        for each in self._molds.values():
            if each.leaving:
                continue
            each.end()
            if not each.ready:
                asked, each.asked = each.asked, {}
                for worker, _ in asked.values():
                    self._owner.not_spawned(worker, f"mold (pid:{each.pid}) is not needed any more")
        self._present = self._coming = None

    def close(self) -> None:
        """End all molds; one that does not end in time is killed, with what it has just forked."""
        for each in self._molds.values():
            if not each.leaving:
                each.end()
        deadline = self._clock() + FAREWELL
        for each in self._molds.values():
            # A worker that was asked for and came too late must not begin to serve.
            if not each.asked:
                _wait_for_hangup(each.channel, max(0.0, deadline - self._clock()))
            # Nothing happens to one that has ended: its id is taken until it is reaped.
            _kill_and_reap(each.pid)
            for message in _messages(each.channel):
                if message and message != mold.READY:
                    _kill_and_reap(mold.Answer.decode(message).pid)
            each.channel.close()
            self._owner.mold_ended(each.pid)
        self._molds.clear()
        self._present = self._coming = None

    def _begin(self) -> Mold:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            pid = process.fork(self._owner.signals)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            # A copy of a channel would keep another mold from seeing that its master has gone.
            for channel in (ours, *(each.channel for each in self._molds.values())):
                channel.close()
            self._owner.become_mold(theirs)
        theirs.close()
        ours.setblocking(False)
        begun = Mold(pid, ours, self._clock())
        self._molds[pid] = begun
        self._owner.watch(ours.fileno(), lambda _mask: self._heard(begun))
        return begun

    def _heard(self, one: Mold) -> None:
        if not self._listen(one):
            # The end: its exit status tells more, and comes with SIGCHLD.
            self._unwatch(one)
        self._change()

    def _unwatch(self, one: Mold) -> None:
        if one.watched:
            one.watched = False
            self._owner.unwatch(one.channel.fileno())

    def _order(self, one: Mold, worker: Worker) -> None:
        try:
            pending = [age for age in one.asked if age != worker.age]
            one.order(worker, self._owner.view(pending))
        except BrokenPipeError:
            # It has ended, and that will be told for all it was asked.
            return
        except OSError as error:
            del one.asked[worker.age]
            self._owner.not_spawned(worker, f"the mold (pid:{one.pid}) takes no order: {error}")

    def _listen(self, one: Mold) -> bool:
        """Read what a mold has said; False at the end of it."""
        for message in _messages(one.channel):
            if message is None:
                return False
            if message == mold.READY:
                self._loaded(one)
            else:
                self._answered(one, mold.Answer.decode(message))
        return True

    def _loaded(self, one: Mold) -> None:
        one.ready = True
        for worker, _ in list(one.asked.values()):
            self._order(one, worker)

    def _answered(self, one: Mold, answer: mold.Answer) -> None:
        worker, _ = one.asked.pop(answer.age)
        if not answer.pid:
            self._owner.not_spawned(worker, answer.reason)
        elif not process.is_child(answer.pid):
            self._owner.not_spawned(worker, f"process {answer.pid} has ended before it could begin")
        else:
            self._owner.spawned(worker, answer.pid)

    def _change(self) -> None:
        """The coming mold takes its place, as soon as no worker of the old one is on its way."""
        coming, present = self._coming, self._present
        if coming is None or not coming.ready:
            return
        if present is not None:
            if present.ready and present.asked:
                return
            coming.asked, present.asked = present.asked, {}
            present.end()
            for worker, _ in list(coming.asked.values()):
                self._order(coming, worker)
        self._present, self._coming = coming, None
        self._owner.mold_ready()


def _lateness(one: Mold, now: float, boot_timeout: float) -> str:
    """What a mold has not done in time; empty if it has."""
    if not one.ready and boot_timeout and now - one.begun_at > boot_timeout:
        return f"has not loaded the application within {boot_timeout:g} s (boot_timeout)"
    if one.ready and any(now - asked > ANSWER_WITHIN for _, asked in one.asked.values()):
        return f"has not forked a worker within {ANSWER_WITHIN:g} s"
    return ""


def _messages(channel: socket.socket) -> Iterator[bytes | None]:
    """What has arrived, None at the end of the channel; never waits."""
    while True:
        try:
            message = channel.recv(mold.LONGEST)
        except BlockingIOError:
            return
        except ConnectionResetError:  # it ended with orders unread
            message = b""
        yield message or None
        if not message:
            return


def _kill_and_reap(pid: int) -> None:
    if pid and process.is_child(pid):
        os.kill(pid, signal.SIGKILL)
        unpatched.waitpid(pid, 0)


def _wait_for_hangup(channel: socket.socket, seconds: float) -> None:
    poller = unpatched.poll()
    # The hang-up alone: what it still says does not matter.
    poller.register(channel, 0)
    poller.poll(seconds * 1000)
