"""An application that goes on working after its answer: in threads, and in forked processes."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from gates import wait_at

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
    """What a forked process does until somebody writes to the pipe."""
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


def program(fifo: str) -> None:
    """A program that gets all descriptors that are for programs."""
    subprocess.Popen(
        [sys.executable, "-c", "import sys; open(sys.argv[1]).close()", fifo], close_fds=False
    )


KINDS: dict[str, Callable[[str], None]] = {
    "thread": thread,
    "fork": fork,
    "process": process,
    "program": program,
}


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Begin what ?kind= says, and answer; without it, only answer."""
    query = dict(parse_qsl(str(environ["QUERY_STRING"])))
    if query:
        KINDS[query["kind"]](query["fifo"])
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"begun"]
