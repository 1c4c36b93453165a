"""Processes: forking without losing a signal, and the exit statuses of children."""

from __future__ import annotations

import gc
import os
import resource  # noqa: F401 - os.wait4 loads it, which without a free descriptor would fail
import signal
import sys
from contextlib import suppress

from licorne.system import unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType
    from typing import NoReturn

#: What makes a thread of a worker show its stack: the signal that applications use least. The last
#: real-time signal is valgrind's own, and a program that runs under it cannot handle that.
STACK_SIGNAL: int
if sys.platform == "darwin":
    STACK_SIGNAL = signal.SIGINFO
else:
    STACK_SIGNAL = signal.SIGRTMAX - 1


class Ended:
    """A child that was reaped: with a code, or by a signal (named with SIG)."""

    __slots__ = ("code", "peak", "pid", "signal")

    def __init__(self, pid: int, status: int, peak: int = 0) -> None:
        self.pid = pid
        #: The most memory that it had at a time, in bytes (RSS).
        self.peak = peak
        self.code = 0 if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        self.signal = signal_name(os.WTERMSIG(status)) if os.WIFSIGNALED(status) else ""


def signal_name(number: int) -> str:
    """`SIGTERM` for 15; a real-time signal has a number only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def fork(handled: Iterable[int]) -> int:
    """Fork; in the child, none of the parent's signal handlers is left.

    Signals wait while it happens: one that is meant for the child must not run a handler of the
    master in it, nor be written to the master's wake-up pipe.
    """
    handled = {*handled, STACK_SIGNAL}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    pid = -1
    try:
        pid = unpatched.fork()
        if pid == 0:
            _forget_handlers(handled)
            unpatched.begin_again()
            # Collections of the child leave alone what comes from the parent: they would write to
            # each object, and so take a copy of every page that is shared.
            gc.freeze()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _forget_handlers(handled: Iterable[int]) -> None:
    try:
        unpatched.set_wakeup_fd(-1)
        for number in handled:
            unpatched.set_handler(number, _ignored if number in _HARMLESS else signal.SIG_DFL)
    except (OSError, ValueError) as error:
        # What called fork in the parent must not go on here, as a second parent.
        say_last(f"licorne: a forked process cannot begin: {error!r}")
        os._exit(1)


def end_with(run: Callable[[], object]) -> NoReturn:
    """In a forked process: run, and exit. Only SystemExit comes out, whatever came out of `run`.

    What called fork in the parent would go on here, as a second parent.
    """
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        import traceback  # noqa: PLC0415 - an end without an error does not need it

        say_last("".join(traceback.format_exception(error)))
        sys.exit(1)
    sys.exit(0)


def say_last(text: object) -> None:
    """Say on stderr why this process ends. Where that is closed or full, it ends without a word."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)


#: What must not end or stop a worker that has not set its own handlers yet.
_HARMLESS = {
    signal.SIGUSR1, signal.SIGWINCH, signal.SIGTTIN, signal.SIGTTOU, STACK_SIGNAL,
}  # fmt: skip


def _ignored(_sig: int, _frame: FrameType | None) -> None:
    """A function and not SIG_IGN, which programs executed by the application would inherit."""


def deafen(signals: Iterable[signal.Signals]) -> None:
    """For a process that only its parent's word ends: signals of the terminal do nothing to it."""
    for number in signals:
        if number != signal.SIGCHLD:
            unpatched.set_handler(number, _ignored)


def adopt_orphans() -> bool:
    """Become the parent of every orphan among the descendants; False where the system cannot.

    PR_SET_CHILD_SUBREAPER of prctl(2), Linux 3.4.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes  # noqa: PLC0415 - only a master that preloads needs it

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    failed: int = prctl(_SET_CHILD_SUBREAPER, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    return not failed


#: linux/prctl.h
_SET_CHILD_SUBREAPER = 36


def is_child(pid: int) -> bool:
    """Whether this is a child of ours, alive or not yet reaped."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def ignore(signals: Iterable[int]) -> None:
    """For a process that ends: a late signal must not change its exit status.

    The interpreter gives handled signals their default action while it is torn down; what is
    ignored stays ignored.
    """
    for number in signals:
        unpatched.set_handler(number, signal.SIG_IGN)


def ended() -> Iterator[Ended]:
    """Children that have ended, as long as there are any; never waits."""
    # getrusage(2): in kilobytes; on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    while True:
        try:
            # Not waitpid, which gevent and eventlet replace.
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield Ended(pid, status, used.ru_maxrss * unit)
