"""Python stacks of the threads of workers, whatever they are busy with.

The master sends a signal to one thread; its handler is C code of the interpreter (faulthandler) and
writes the frames of that thread into a pipe of the worker, also while an extension keeps the
interpreter lock. The dump has no end mark: it is complete when nothing more comes for a moment.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque

from licorne import util
from licorne.process import STACK_SIGNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

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

#: Every application runs below a frame of a worker.
_WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workers", "")
#: How a dump ends: the outermost frames of a program, of `python -m` and of a thread, or none.
_OUTERMOST = (
    b" in <module>\n", b" in _run_module_as_main\n", b" in _bootstrap\n",
    b"  <no Python frame>\n", b"  ...\n",
)  # fmt: skip
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)')


class Stack:
    """The frames of a thread, the most recent call last; or why there are none."""

    __slots__ = ("frames", "missing")

    def __init__(self, frames: tuple[tuple[str, int, str], ...] = (), missing: str = "") -> None:
        self.frames = frames
        self.missing = missing

    @classmethod
    def of(cls, frame: FrameType | None) -> Stack:
        """The stack of what is not running now, but waits in this frame."""
        import traceback  # noqa: PLC0415 - when the first stack is shown

        outer = traceback.extract_stack(frame)
        return cls(tuple((each.filename, each.lineno or 0, each.name) for each in outer))

    def __str__(self) -> str:
        """The application's frames with their source lines, as a traceback shows them."""
        if not self.frames:
            return f"No Python stack: {self.missing}"
        import linecache  # noqa: PLC0415 - when the first stack is shown

        lines = ["Python stack (most recent call last):"]
        for file, number, function in self.frames[self._below() :]:
            lines.append(f'  File "{file}", line {number}, in {function}')
            source = linecache.getline(file, number).strip()
            lines.extend([f"    {source}"] if source else [])
        return "\n".join(lines)

    def _below(self) -> int:
        """Where the server's own frames end; 0 if nothing but the server is running."""
        ours = [at for at, frame in enumerate(self.frames) if frame[0].startswith(_WORKERS)]
        below = ours[-1] + 1 if ours else 0
        return below if below < len(self.frames) else 0


def offer(fd: int) -> None:
    """In a worker: let every thread that gets the signal show its stack on this descriptor."""
    import faulthandler  # noqa: PLC0415 - workers only

    faulthandler.register(STACK_SIGNAL, file=fd, all_threads=False, chain=False)


def parsed(dump: str) -> Stack:
    """What faulthandler wrote, which has the most recent call first."""
    found = [match for line in dump.splitlines() if (match := _FRAME.match(line))]
    frames = tuple((m["file"], int(m["line"]), m["function"]) for m in reversed(found))
    return Stack(frames, "the thread runs no Python code")


class _Question:
    """One stack that was asked for."""

    __slots__ = ("deadline", "patience", "still", "then", "thread")

    def __init__(
        self,
        thread: int | None,
        then: Callable[[Stack], None],
        still: Callable[[], bool] | None,
        patience: float,
    ) -> None:
        self.thread = thread
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
        os.close(line.write_end)

    def leave(self, kept: int = -1) -> None:
        """In a process that is not the master: close the master's ends, but for the one to keep."""
        for line in self._lines.values():
            os.close(line.read_end)
            if line.mine and line.write_end != kept:
                os.close(line.write_end)
        self._lines.clear()

    def close(self, worker: Worker) -> None:
        """The worker is gone: whoever waits for its stacks is told so."""
        line = self._lines.pop(worker, None)
        if line is None:
            return
        self._unwatch(line.read_end)
        os.close(line.read_end)
        if line.mine:
            os.close(line.write_end)
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
        line = self._lines.get(worker)
        if line is None:
            then(Stack(missing="the worker has no pipe for it"))
        elif len(line.queue) >= MOST_QUESTIONS:
            then(Stack(missing=f"{MOST_QUESTIONS} others were asked for before"))
        else:
            line.queue.append(_Question(thread, then, still, patience))
            self._next(worker, line)

    def wait(self, now: float) -> float | None:
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
                question.then(Stack(missing="the thread has gone on meanwhile"))
                continue
            while line.bytes():
                # The rest of an answer that came too late.
                continue
            line.dump = b""
            board = worker.scoreboard
            if board is None or not board.ask_stack(worker.slot, question.thread, STACK_SIGNAL):
                question.then(Stack(missing="the thread has ended"))
                continue
            question.deadline = time.monotonic() + question.patience
            line.asked = question

    def _heard(self, worker: Worker) -> None:
        line = self._lines[worker]
        received = line.bytes()
        if received == b"":
            # The worker has ended, and nobody else has the other end.
            self.close(worker)
        elif received is not None and line.asked is not None:
            line.dump = (line.dump + received)[:MOST_BYTES]
            quiet = QUIET if line.dump.endswith(_OUTERMOST) else UNSURE
            line.asked.deadline = time.monotonic() + quiet

    def _finish(self, worker: Worker, line: _Line) -> None:
        question, line.asked = line.asked, None
        if question is None:
            return
        if line.dump:
            stack = parsed(line.dump.decode("ascii", "replace"))
        else:
            said = f"no answer within {question.patience:g} s: it is inside the system, or stopped"
            stack = Stack(missing=said)
        question.then(stack)
        self._next(worker, line)
