"""Requests that keep a worker from all others, with the interpreter lock or without, until the test
opens a gate; each one says that it was begun."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    StartResponse = Callable[..., Callable[[bytes], object]]


#: Calls that let the interpreter lock go, and that keep it.
WITHOUT, WITH = ctypes.CDLL(None), ctypes.PyDLL(None)
# Between what a request says and its wait no other thread asks for the lock.
sys.setswitchinterval(3600)


def blocked_at(gate: str, *, lock: bool) -> None:
    """Wait in the kernel until the pipe is opened; no other greenlet runs meanwhile."""
    library = WITH if lock else WITHOUT
    pipe = library.open(gate.encode(), os.O_RDONLY)
    os.close(pipe)


def application(environ: dict[str, str], start_response: StartResponse) -> Iterable[bytes]:
    """`/lock` keeps the interpreter lock, `/thread` only its thread."""
    path = environ["PATH_INFO"]
    told = f"app: begun {path}\n".encode()
    # Past eventlet, which lets one greenlet write to a descriptor at a time.
    WITH.write(2, told, len(told))
    gate = parse_qs(environ["QUERY_STRING"]).get("gate", [""])[0]
    if gate:
        blocked_at(gate, lock=path == "/lock")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"begun"]
