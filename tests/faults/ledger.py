"""The two sides of a crash: what clients lost, and what the server's log says was lost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2e.server import Server
    from faults.load import Tally

LOST = re.compile(
    r"\[ERROR\] Worker \(pid:\d+\) lost a request: \w+ (\S+) from (\S+), "
    r"(begun|not begun, read) \d+\.\d{3} s before"
)

READING = re.compile(
    r"\[ERROR\] Worker \(pid:\d+\) may have lost a request: it was being read from (\S+)$"
)


def named(server: Server) -> list[tuple[str, str]]:
    """Target and peer of each request that the log calls lost."""
    found = (LOST.search(line) for line in server.log.all())
    return sorted((match[1], match[2]) for match in found if match)


def being_read(server: Server) -> list[str]:
    """Each client of which the log says that a request of its own may have been lost."""
    return [match[1] for line in server.log.all() if (match := READING.search(line))]


def check_named(server: Server, tally: Tally, dead: int) -> None:
    """The log names what so many dead workers have lost, and nothing else.

    A worker can die between an answer and its note of it: one request may be named for nothing. It
    can die between the taking of a request's bytes and its name: its client is told of instead.
    When a process dies, the kernel ends a connection of which everything was read with a FIN, and
    one with unread bytes with a reset. What is in the latter was never seen.
    """
    lost = {(loss["target"], loss["peer"]): loss["kind"] for loss in tally.losses}
    told = named(server)
    assert len(told) == len(set(told)), f"named twice: {told}"
    invented = [each for each in told if each not in lost]
    assert len(invented) <= dead, f"named, but answered: {invented}"
    reading = being_read(server)
    assert len(reading) <= dead, f"a worker reads from one client at a time: {reading}"
    read = [each for each, kind in lost.items() if kind != "reset" and each[1] not in reading]
    silent = [each for each in read if each not in told]
    assert not silent, f"read by the worker, lost and not named: {silent}"
