"""Python stacks: as a traceback shows them, and in the form in which workers write them.

That form is faulthandler's, with the most recent call first: the interpreter writes it by itself
for a thread, and a worker does for a request that shares its thread.
"""

from __future__ import annotations

import os
import re

from licorne.system import unpatched
from licorne.system.process import STACK_SIGNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

#: What faulthandler shows at most, and what an empty pipe takes at once (pipe(7)).
MOST_FRAMES = 100
MOST_TEXT = 500
MOST_AT_ONCE = 60 * 1024

#: Every application runs below a frame of a worker.
_WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
#: Why a worker has no frames of a request. Both are compiled for the first stack that is read.
_WHY = r"(?m)  <(?!no Python frame>|end>)(.*)>$"
_FRAME = r'  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)'


class Stack:
    """The frames of a thread, the most recent call last; or why there are none."""

    __slots__ = ("frames", "missing", "note")

    def __init__(self, frames: tuple[tuple[str, int, str], ...] = (), missing: str = "") -> None:
        self.frames = frames
        self.missing = missing
        #: What to know about it, if it is not what was asked for.
        self.note = ""

    @classmethod
    def of(cls, frame: FrameType | None) -> Stack:
        """The stack of what waits in this frame, or was interrupted there.

        For handlers of signals, too: nothing is imported and no file read.
        """
        frames: list[tuple[str, int, str]] = []
        while frame is not None:
            code = frame.f_code
            frames.append((code.co_filename, frame.f_lineno or 0, code.co_name))
            frame = frame.f_back
        return cls(tuple(reversed(frames)), "" if frames else "it runs no Python code")

    def __str__(self) -> str:
        """The application's frames with their source lines, as a traceback shows them."""
        if not self.frames:
            return f"No Python stack: {self.missing}"
        import linecache  # noqa: PLC0415 - when the first stack is shown

        lines = [self.note] if self.note else []
        lines.append("Python stack (most recent call last):")
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


def answer(fd: int, stack: Stack) -> None:
    """In a worker: show the stack that the master has asked for. It neither waits nor switches."""
    if fd < 0:
        return
    try:
        _write(fd, written(stack))
    except BlockingIOError:
        # The pipe is full of answers that came too late: the master says that none came.
        return


#: eventlet's would let other greenlets run, in the middle of a signal's handler.
_write = unpatched.write


def written(stack: Stack) -> bytes:
    """A stack in faulthandler's form: `parsed` reads it."""
    lines = []
    room = MOST_AT_ONCE
    for file, number, function in reversed(stack.frames[-MOST_FRAMES:]):
        line = b'  File "%b", line %d in %b\n' % (_text(file), number, _text(function))
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    if len(lines) < len(stack.frames):
        lines.append(b"  ...\n")
    elif not lines:
        lines.append(b"  <%b>\n" % _text(stack.missing or "no Python frame"))
    return b"".join([*lines, b"  <end>\n"])


def _text(text: str) -> bytes:
    plain = text[:MOST_TEXT].encode("ascii", "backslashreplace")
    return plain.replace(b"\r", b"\\x0d").replace(b"\n", b"\\x0a")


def parsed(dump: str) -> Stack:
    """What faulthandler wrote, which has the most recent call first."""
    found = [match for line in dump.splitlines() if (match := re.match(_FRAME, line))]
    frames = tuple((m["file"], int(m["line"]), m["function"]) for m in reversed(found))
    why = re.match(_WHY, dump)
    return Stack(frames, "the thread runs no Python code" if why is None else why[1])
