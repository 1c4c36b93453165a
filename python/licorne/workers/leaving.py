"""The end of a worker process: threads of the application that still work may finish within
`graceful_timeout`, and what does not is named in the log.

The interpreter itself waits for threads that are no daemons, and then runs exit handlers
(`atexit`); it would wait for ever.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time

from licorne.system import process, unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

    from licorne.workers.base import Worker

#: Seconds for background work when a worker has to end at once (INT, QUIT), and in the middle of a
#: request (ABRT). The master kills a second later, or half a second.
QUICK = 1.0
ABORT = 0.5

#: The signal that ends the wait, and those by which the master may shorten it.
ALARM = signal.SIGALRM
SHORTER = (signal.SIGINT, signal.SIGQUIT)


#: Classes of threads that the end does not wait for. By name: eventlet has copies of some.
NOT_WAITED_FOR = ("_MainThread", "_DummyThread", "_GreenThread", "RequestThread")


class RequestThread(threading.Thread):
    """A thread that the end of the process does not wait for, unlike the threads it starts.

    `Thread` copies whether it is a daemon from the thread that makes it.
    """

    _begun = False

    def __init__(self, name: str, target: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._serve = target

    @property
    def daemon(self) -> bool:
        """True until it runs: what the interpreter wants to know at the start."""
        return not self._begun

    @daemon.setter
    def daemon(self, value: bool) -> None:
        self._daemonic = value

    def run(self) -> None:
        """Serve requests."""
        self._begun = True
        self._serve()


def exit_untold(status: int) -> NoReturn:
    """Exit from a signal's handler.

    In the middle of a callback of the interpreter (of a weak reference, as imports have them, or a
    finalizer) the exception is dropped and told of as an error. It is none: the worker ends when it
    has loaded its application.
    """
    told = sys.unraisablehook

    def tell(dropped: sys.UnraisableHookArgs) -> None:
        if dropped.exc_type is not SystemExit:
            told(dropped)

    sys.unraisablehook = tell
    sys.exit(status)


def prepare(worker: Worker, error: BaseException | None) -> None:
    """Bound what comes until the exit handlers run; `error` is what ends the worker."""
    status = _status(error)

    def give_up(_sig: int, _frame: FrameType | None) -> None:
        names = busy()
        if names:
            worker.log.warning(
                "Threads still busy at the end of the worker (pid:%s) are given up: %s",
                worker.pid,
                ", ".join(names),
            )
            _end(status)

    def over() -> None:
        # Exit handlers run once: from here on only the master's patience bounds them.
        signal.setitimer(signal.ITIMER_REAL, 0)
        process.ignore((ALARM, *SHORTER))

    atexit.register(over)
    for number in (ALARM, *SHORTER):
        unpatched.set_handler(number, give_up)
    end = worker.end_by
    if end is None:
        end = time.monotonic() + worker.cfg.graceful_timeout
    # Again and again: what keeps the process may not be a thread yet when it comes first.
    signal.setitimer(signal.ITIMER_REAL, max(0.001, end - time.monotonic()), QUICK)
    worker.join_threads()


def busy() -> list[str]:
    """The names of the threads that the end of the process waits for."""
    return [
        thread.name
        for thread in threading.enumerate()
        if not thread.daemon and type(thread).__name__ not in NOT_WAITED_FOR
    ]


def _status(error: BaseException | None) -> int:
    """The exit status that the interpreter would end with."""
    if error is None:
        return 0
    code = error.code if isinstance(error, SystemExit) else 1
    if isinstance(code, int):
        return code
    return 0 if code is None else 1


def _end(status: int) -> None:
    """Exit handlers, and the end: the interpreter's own would wait for the threads."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 0xFF)
