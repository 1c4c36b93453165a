"""The process at the other end of a control socket (SO_PEERCRED, unix(7)).

An abstract socket has no permission bits, and containers that share the host's network reach it
too: only the same user or root is served, and no process of another process namespace.
"""

from __future__ import annotations

import os
import socket
import struct

from licorne.supervisor.record import Record

_UCRED = struct.Struct("iII")


class Peer(Record):
    """A process at the other end; pid 0 when it lives where it cannot be seen from here."""

    pid: int
    uid: int
    #: How many process namespaces it is in, seen from here; 0 when that cannot be told.
    depth: int


def peer_of(sock: socket.socket) -> Peer:
    """The process that connected, or (for a client) the one that listens."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _ = _UCRED.unpack(raw)
    return Peer(pid, uid, _depth(pid) if pid else 0)


def _depth(pid: int) -> int:
    # NSpid (proc(5)) has one number for each namespace from the reader's down to the process's.
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            return next((len(line.split()) - 1 for line in status if line[:6] == "NSpid:"), 0)
    except OSError:
        return 0


def objection(peer: Peer, uid: int) -> str:
    """Why this peer is not trusted by a process of user `uid`; empty when it is."""
    if peer.uid not in {uid, 0}:
        return f"process {peer.pid} belongs to user {peer.uid}, neither user {uid} nor root"
    if peer.depth != 1:
        return f"process {peer.pid} is not of this process namespace"
    return ""


def stranger(sock: socket.socket) -> str:
    """Why the other end of a connection over an abstract socket is not trusted; empty if it is."""
    return objection(peer_of(sock), os.geteuid())
