"""The queue by which workers hand connections to each other (`crates/net/src/handover.rs`).

The master makes it and its workers inherit it: a connection in it belongs to no worker, so
that the death of one loses none. It goes with the listeners, whose order its messages count by.
"""

from __future__ import annotations

import socket


class HandoverQueue:
    """Both ends of a pair of sockets; each message goes to exactly one worker."""

    def __init__(self) -> None:
        """An OSError says that the system has no such sockets, or no descriptors."""
        self._send, self._receive = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def fds(self) -> tuple[int, int]:
        """The descriptors for putting in and for taking out."""
        return self._send.fileno(), self._receive.fileno()

    def close(self) -> None:
        """This process has no part in it any more."""
        self._send.close()
        self._receive.close()
