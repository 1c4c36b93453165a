"""What systemd offers a service: sockets that are already open, and a place to tell one's state.

Both are the protocols of sd_listen_fds(3) and sd_notify(3), in the few lines they need.
"""

# ruff: noqa: PLC0415 - socket only when systemd listens

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.glogging import Logger

#: The first inherited descriptor (sd_listen_fds(3)).
SD_LISTEN_FDS_START = 3


def listen_fds(unset_environment: bool = True) -> int:
    """How many sockets systemd has opened for this process, from descriptor 3 upwards."""
    fds = int(os.environ.get("LISTEN_FDS") or 0)
    listen_pid = int(os.environ.get("LISTEN_PID") or 0)
    if listen_pid != os.getpid():
        return 0
    if unset_environment:
        os.environ.pop("LISTEN_PID", None)
        os.environ.pop("LISTEN_FDS", None)
    return fds


def sd_notify(state: str, logger: Logger, unset_environment: bool = False) -> None:
    """Tell systemd a state such as `READY=1`, if it asked to be told."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    import socket

    if address.startswith("@"):
        # An abstract socket is written with @ and named with a leading NUL.
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall(state.encode())
    except OSError as error:
        logger.debug("Cannot notify systemd at %r: %s", address, error)
    finally:
        if unset_environment:
            os.environ.pop("NOTIFY_SOCKET", None)
