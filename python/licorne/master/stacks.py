"""Python stacks of the threads of workers, whatever they are busy with, and of single requests.

The master sends a signal to one thread; its handler is C code of the interpreter (faulthandler) and
writes the frames of that thread into a pipe of the worker, also while an extension keeps the
interpreter lock. The dump has no end mark: it is complete when nothing more comes for a moment.
A request that shares its thread is asked about on the scoreboard; the worker's handler of another
signal answers in the same form. If that cannot run, what keeps the thread is shown instead.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque

from licorne import util
from licorne.system import unpatched
from licorne.system.process import STACK_SIGNAL
from licorne.workers.frames import Stack, parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.workers.base import Worker

#: Seconds that a thread has to show its stack.
PATIENCE = 1.0
#: Seconds without another byte after which a stack is complete: when it ends where stacks begin,
#: and when it does not, because the thread may have lost its processor in the middle of it.
QUIET = 0.05
UNSURE = 0.5
#: Questions that wait for one worker, at most.
MOST_QUESTIONS = 64
#: faulthandler shows 100 frames of 500 characters at most.
MOST_BYTES = 128 * 1024
#: What makes a worker look whether a request of it was asked about. Its number wakes a loop that
#: waits, and to a worker of any other kind it means nothing.
ASK_SIGNAL = signal.SIGWINCH

#: How a dump ends: the outermost frames of a program, of `python -m` and of a thread, or none.
_OUTERMOST = (
    b" in <module>\n", b" in _run_module_as_main\n", b" in _bootstrap\n",
    b"  <no Python frame>\n", b"  ...\n", b"  <end>\n",
)  # fmt: skip


class _Question:
    """One stack that was asked for."""

    __slots__ = ("deadline", "note", "patience", "request", "still", "then", "thread")

    def __init__(
        self,
        thread: int | None,
        request: int,
        then: Callable[[Stack], None],
        still: Callable[[], bool] | None,
        patience: float,
    ) -> None:
        self.thread = thread
        #: The number of a request that has no thread; 0 where a thread is asked.
        self.request = request
        #: What to say of the answer.
        self.note = ""
        self.then = then
        self.still = still
        self.patience = patience
        #: When the answer is taken as it is; set when the signal is sent, and with each byte.
        self.deadline = 0.0


class _Line:
    """The pipe of one worker, and what was asked through it."""

    __slots__ = ("asked", "dump", "mine", "queue", "read_end", "write_end")

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        for fd in (self.read_end, self.write_end):
            util.set_non_blocking(fd)
            util.close_on_exec(fd)
        #: The write end is still open here: there was no fork yet.
        self.mine = True
        self.queue: deque[_Question] = deque()
        self.asked: _Question | None = None
        self.dump = b""

    def bytes(self) -> bytes | None:
        """What has come; None when there is nothing now, and empty at the end."""
        try:
            return os.read(self.read_end, 65536)
        except BlockingIOError:
            return None


class Stacks:
    """Asks threads of workers for their stacks: one at a time for each worker, without waiting."""

    def __init__(
        self,
        watch: Callable[[int, Callable[[int], None]], None],
        unwatch: Callable[[int], None],
    ) -> None:
        """Given the master's loop: how to hear of bytes in a pipe."""
        self._watch = watch
        self._unwatch = unwatch
        self._lines: dict[Worker, _Line] = {}

    def open(self, worker: Worker) -> None:
        """Before the fork: a pipe for the worker."""
        line = self._lines[worker] = _Line()
        worker.stack_pipe = line.write_end
        self._watch(line.read_end, lambda _mask: self._heard(worker))

    def forked(self, worker: Worker) -> None:
        """In the master after the fork: only the worker writes."""
        line = self._lines[worker]
        line.mine = False
        unpatched.close(line.write_end)

    def leave(self, kept: int = -1) -> None:
        """In a process that is not the master: close the master's ends, but for the one to keep."""
        for line in self._lines.values():
            unpatched.close(line.read_end)
            if line.mine and line.write_end != kept:
                unpatched.close(line.write_end)
        self._lines.clear()

    def close(self, worker: Worker) -> None:
        """The worker is gone: every question that waits for its stacks is answered so."""
        line = self._lines.pop(worker, None)
        if line is None:
            return
        self._unwatch(line.read_end)
        unpatched.close(line.read_end)
        if line.mine:
            unpatched.close(line.write_end)
        waiting = [line.asked, *line.queue]
        for question in waiting:
            if question is not None:
                question.then(Stack(missing="the worker has ended"))

    def ask(
        self,
        worker: Worker,
        thread: int | None,
        then: Callable[[Stack], None],
        still: Callable[[], bool] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Have `then` called with the stack of a thread (the main thread for None), soon.

        When its turn has come, `still` says whether the question makes sense any more.
        """
        self._add(worker, _Question(thread, 0, then, still, patience))

    def ask_request(
        self,
        worker: Worker,
        number: int,
        then: Callable[[Stack], None],
        still: Callable[[], bool],
    ) -> None:
        """The same for a request that has no thread of its own.

        If the worker does not get to it, the answer is the stack of what keeps the main thread.
        """
        self._add(worker, _Question(None, number, then, still, PATIENCE))

    def _add(self, worker: Worker, question: _Question) -> None:
        line = self._lines.get(worker)
        if line is None:
            question.then(Stack(missing="the worker has no pipe for it"))
        elif len(line.queue) >= MOST_QUESTIONS:
            question.then(Stack(missing=f"{MOST_QUESTIONS} others were asked for before"))
        else:
            line.queue.append(question)
            self._next(worker, line)

    def wake_after(self, now: float) -> float | None:
        """Seconds until `look` has something to do; None when there is nothing."""
        asked = (line.asked for line in self._lines.values())
        waits = [question.deadline - now for question in asked if question is not None]
        return max(0.0, min(waits)) if waits else None

    def look(self, now: float) -> None:
        """Finish what is complete, or will not come."""
        for worker, line in list(self._lines.items()):
            if line.asked is not None and line.asked.deadline <= now:
                self._finish(worker, line)

    def _next(self, worker: Worker, line: _Line) -> None:
        while line.asked is None and line.queue:
            question = line.queue.popleft()
            if question.still is not None and not question.still():
                question.then(Stack(missing="the request has gone on meanwhile"))
                continue
            while line.bytes():
                # The rest of an answer that came too late.
                continue
            line.dump = b""
            if not _sent(worker, question):
                question.then(Stack(missing="the thread has ended"))
                continue
            question.deadline = time.monotonic() + question.patience
            line.asked = question

    def _heard(self, worker: Worker) -> None:
        line = self._lines[worker]
        received = line.bytes()
        if received == b"":
            # The worker has ended, and no other process has the other end.
            self.close(worker)
        elif received is not None and line.asked is not None:
            line.dump = (line.dump + received)[:MOST_BYTES]
            quiet = QUIET if line.dump.endswith(_OUTERMOST) else UNSURE
            line.asked.deadline = time.monotonic() + quiet

    def _finish(self, worker: Worker, line: _Line) -> None:
        question, line.asked = line.asked, None
        if question is None:
            return
        if question.request and not self._answered(worker, line, question):
            line.asked = question
            return
        if line.dump:
            stack = parsed(line.dump.decode("ascii", "replace"))
            stack.note = question.note
        else:
            said = f"no answer within {question.patience:g} s: it is inside the system, or stopped"
            stack = Stack(missing=said)
        question.then(stack)
        self._next(worker, line)

    @staticmethod
    def _answered(worker: Worker, line: _Line, question: _Question) -> bool:
        """Whether the worker has answered about a request; if not, there is another question."""
        board = worker.scoreboard
        withdrawn = board is not None and board.take_asked(worker.slot) is not None
        if line.dump and not withdrawn:
            return True
        question.request = 0
        question.deadline = time.monotonic() + question.patience
        if withdrawn:
            # Its handler did not run: one thing keeps the thread that all of them share.
            line.dump = b""
            question.note = f"It gets no turn: for {question.patience:g} s the worker does this."
            return not _sent(worker, question)
        # The worker has taken the question this very moment, and will answer.
        return False


def _sent(worker: Worker, question: _Question) -> bool:
    """Send the signal that goes with a question; False if there is no such thread."""
    board = worker.scoreboard
    if board is None:
        return False
    if not question.request:
        return board.ask_stack(worker.slot, question.thread, STACK_SIGNAL)
    board.ask(worker.slot, question.request)
    return board.ask_stack(worker.slot, None, ASK_SIGNAL)
