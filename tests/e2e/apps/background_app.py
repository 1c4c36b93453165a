"""An application that goes on working after its answer: in threads, and in forked processes."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qsl

from gates import wait_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Environ = dict[str, object]
    StartResponse = Callable[..., Callable[[bytes], object]]


def tell(line: str) -> None:
    """Write a line for the test to wait for."""
    sys.stderr.write(f"app: {line}\n")
    sys.stderr.flush()


atexit.register(tell, "exit handler")


def work(fifo: str) -> None:
    """What a thread does."""
    wait_at(fifo)
    tell("work done")


def thread(fifo: str) -> None:
    """A thread that does not say whether it is a daemon."""
    threading.Thread(target=work, args=(fifo,), name="background").start()


def wait_as_a_child(fifo: str) -> None:
    """What a forked process does until the pipe is written to."""
    os.close(os.open(fifo, os.O_RDONLY))


def fork(fifo: str) -> None:
    """A process that never comes back to the server."""
    if os.fork() == 0:
        # The master's signal to the group would end it too early.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        wait_as_a_child(fifo)
        os._exit(0)


def process(fifo: str) -> None:
    """The same by multiprocessing."""
    context = multiprocessing.get_context("fork")
    context.Process(target=wait_as_a_child, args=(fifo,), daemon=True).start()


def sleep() -> None:
    """Twice as long as a worker takes to see that it has another parent."""
    time.sleep(2.5)
    tell("the child has slept")
    # Under eventlet, the end of multiprocessing's children waits for a thread that is not there.
    os._exit(0)


def sleeping(_fifo: str) -> None:
    """A child that sleeps in the way of the worker type: a loop of greenlets goes on there."""
    multiprocessing.get_context("fork").Process(target=sleep, daemon=True).start()


def program(fifo: str) -> None:
    """A program that gets all descriptors that are for programs."""
    subprocess.Popen(
        [sys.executable, "-c", "import sys; open(sys.argv[1]).close()", fifo], close_fds=False
    )


def terminated(fifo: str) -> str:
    """A child that is ended by a signal."""
    child = multiprocessing.get_context("fork").Process(target=wait_as_a_child, args=(fifo,))
    child.start()
    child.terminate()
    child.join()
    return f"ended by {-(child.exitcode or 0)}"


def quick(_fifo: str) -> str:
    """A child that has ended before the process that forked it goes on."""
    # Without taking its status, which is for `os.waitpid`.
    os.register_at_fork(after_in_parent=lambda: os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT))
    child = os.fork()
    if child == 0:
        os._exit(3)
    _, status = os.waitpid(child, 0)
    return f"ended with {os.waitstatus_to_exitcode(status)}"


KINDS: dict[str, Callable[[str], str | None]] = {
    "thread": thread,
    "fork": fork,
    "sleeping": sleeping,
    "process": process,
    "program": program,
    "terminated": terminated,
    "quick": quick,
}


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Begin what ?kind= says, and answer; without it, only answer."""
    query = dict(parse_qsl(str(environ["QUERY_STRING"])))
    said = KINDS[query["kind"]](query["fifo"]) if query else None
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(said or "begun").encode()]
