"""The listening socket of the metrics, and how it goes from one master to the next (USR2).

A new master inherits the socket and the reading end of a pipe. It accepts no client as long as
the old master does; that one closes the pipe when it stops, or by dying. So at any time one of them
answers, and a scraper does not see the numbers of the two in turn.
"""

from __future__ import annotations

import json

from licorne import sock
from licorne.supervisor.record import Record
from licorne.system import unpatched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.sock import BaseSocket


class Legacy(Record):
    """What the old master leaves: two descriptors, and the address as it was configured."""

    socket: int
    pipe: int
    bind: str

    def encode(self) -> str:
        """For the environment of the new master."""
        return json.dumps([self.socket, self.pipe, self.bind])

    def close(self) -> None:
        """Make no use of it."""
        unpatched.close(self.socket)
        unpatched.close(self.pipe)


def decode(text: str) -> Legacy | None:
    """What the old master has left; None for nothing."""
    if not text:
        return None
    told: tuple[int, int, str] = json.loads(text)
    return Legacy(int(told[0]), int(told[1]), str(told[2]))


def take(cfg: Config, log: Logger, *, patient: bool) -> BaseSocket:
    """Listen where the configuration says. As at a start: `SystemExit` when that cannot be done.

    `patient`: an address in use is tried again, which takes seconds.
    """
    address = cfg.metrics_address
    if address is None:
        raise ValueError("metrics_bind is empty")
    return sock.listen(address, cfg, log, tries=sock.TRIES if patient else 1)


def shown(listener: BaseSocket) -> str:
    """Where that is, for the log: never https, whatever the server speaks."""
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return str(listener)
    host, port = name[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
