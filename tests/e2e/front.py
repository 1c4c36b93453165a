"""What is in front of a server in production: other people's proxies, run for one test."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from e2e.client import TIMEOUT, Client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Where servers are installed, which not every user's path names.
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def program(name: str) -> str | None:
    """Where a proxy is installed, if it is."""
    return shutil.which(name) or shutil.which(name, path=PLACES)


def free_port() -> int:
    """A port that is free now: proxies cannot be told to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[None]:
    """A proxy that listens on this port, as long as the block lasts."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait_until_it_listens(port, process)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def distant_client(port: int) -> Client:
    """A client at 127.0.0.2, which no proxy and no setting names."""
    address = ("127.0.0.1", port)
    return Client(socket.create_connection(address, TIMEOUT, source_address=("127.0.0.2", 0)))


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    """They say nothing when they are ready: try until a connection is accepted."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(process.communicate()[1].decode())
