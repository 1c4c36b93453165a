"""An application that can be made to misbehave, one path for each way.

`/load` answers `n` and the length of the body: a client knows its own answer by them.
"""

# ruff: noqa: PLC0415 - hundreds of workers load this: each loads only what it is asked for

from __future__ import annotations

import os
import select
import sys
import time
from urllib.parse import parse_qsl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    Environ = dict[str, object]

#: What an import of a large application costs.
if "FAULT_IMPORT_SECONDS" in os.environ:
    time.sleep(float(os.environ["FAULT_IMPORT_SECONDS"]))
#: Where the requests that have begun are written down.
LEDGER: int | None = None
#: Waits, so often, for 20 ms in a way that no greenlet knows of.
STALL: Callable[[float], object] | None = None
if "FAULT_LEDGER" in os.environ:
    # Now: later there may be no descriptor for an import.
    import ctypes
    import random

    LEDGER = os.open(os.environ["FAULT_LEDGER"], os.O_WRONLY | os.O_APPEND)
    USLEEP = ctypes.CDLL(None).usleep

    def stall(odds: float) -> None:
        if random.random() < odds:
            USLEEP(20_000)

    STALL = stall


def application(environ: Environ, start_response: Callable[..., object]) -> list[bytes]:
    """Find the fault by path."""
    query = dict(parse_qsl(str(environ["QUERY_STRING"])))
    body = PATHS[str(environ["PATH_INFO"])](query, environ)
    fields = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", fields)
    return [body]


def tell(line: str) -> None:
    """Write a line for the test to wait for."""
    sys.stderr.write(f"app: {line}\n")


def load(query: dict[str, str], environ: Environ) -> bytes:
    """What the load asks for."""
    stream: IO[bytes] = environ["wsgi.input"]  # type: ignore[assignment]
    if LEDGER is not None:
        # One call: lines of several workers do not run together.
        os.write(LEDGER, f"{query['n']} {os.getpid()}\n".encode())
    if STALL is not None:
        STALL(float(query.get("odds", "0")))
    if "seconds" in query:
        time.sleep(float(query["seconds"]))
    return f"{query.get('n')} {len(stream.read())}".encode()


def pid(_query: dict[str, str], _environ: Environ) -> bytes:
    return str(os.getpid()).encode()


def wait(query: dict[str, str], _environ: Environ) -> bytes:
    """Answer when the pipe was written to."""
    tell(f"{os.getpid()} waits")
    # In the way of each worker type: a read would keep all greenlets of a thread.
    pipe = os.open(query["fifo"], os.O_RDONLY | os.O_NONBLOCK)
    select.select([pipe], [], [])
    os.close(pipe)
    return b"waited"


def sleep(_query: dict[str, str], _environ: Environ) -> bytes:
    tell("sleeps")
    time.sleep(600)
    return b"slept"


def busy(_query: dict[str, str], _environ: Environ) -> bytes:
    """A loop of bytecode, bounded in case it is never ended."""
    tell("is busy")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass
    return b"done"


def native(_query: dict[str, str], _environ: Environ) -> bytes:
    """C code that keeps the interpreter lock."""
    import ctypes

    tell("keeps the lock")
    ctypes.PyDLL(None).sleep(600)
    return b"done"


def leave(query: dict[str, str], _environ: Environ) -> bytes:
    """End the process without a word."""
    os._exit(int(query["code"]))


def run(query: dict[str, str], _environ: Environ) -> bytes:
    """A child of the application: its exit status is the application's to read."""
    import subprocess

    code = f"raise SystemExit({int(query['code'])})"
    return str(subprocess.run([sys.executable, "-Sc", code], check=False).returncode).encode()


def spawn(query: dict[str, str], _environ: Environ) -> bytes:
    """A child that stays, until the pipe is written to: its process id."""
    import subprocess

    child = subprocess.Popen(["cat", query["fifo"]], stdout=subprocess.DEVNULL)
    return str(child.pid).encode()


def fork(query: dict[str, str], _environ: Environ) -> bytes:
    """A bare fork, as libraries do it, that stays until the pipe is written to."""
    child = os.fork()
    if child == 0:
        with open(query["fifo"], "rb") as pipe:
            pipe.read()
        os._exit(0)
    return str(child).encode()


def orphan(_query: dict[str, str], _environ: Environ) -> bytes:
    """A grandchild whose parent is gone: it ends, and process 1 has to reap it."""
    child = os.fork()
    if child == 0:
        os._exit(0 if os.fork() else 7)
    os.waitpid(child, 0)
    return b"orphaned"


PATHS: dict[str, Callable[[dict[str, str], Environ], bytes]] = {
    "/busy": busy,
    "/fork": fork,
    "/leave": leave,
    "/load": load,
    "/native": native,
    "/orphan": orphan,
    "/pid": pid,
    "/run": run,
    "/sleep": sleep,
    "/spawn": spawn,
    "/wait": wait,
}
