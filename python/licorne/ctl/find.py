"""Which servers run here: the default path, and the abstract sockets of those that fell back."""

from __future__ import annotations

import os
import re
import time

from licorne.config.settings.control import default_control_socket
from licorne.ctl.client import ControlClient, ControlError, NotThereError
from licorne.ctl.endpoint import ABSTRACT_PREFIX
from licorne.ctl.tables import servers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.ctl.protocol import Json

    Data = dict[str, Json]

#: What a server is known by.
FACTS = ("pid", "application", "addresses", "uptime")
#: Seconds that a server may take to say that it is there.
QUICK = 5.0
_NAME = re.compile(rf"({re.escape(ABSTRACT_PREFIX)}\d+(?:-[0-9a-f]+)?)$")


def candidates() -> list[str]:
    """Where a server may listen, the default path first."""
    default = default_control_socket()
    return [default, *abstract()] if default else abstract()


def abstract(table: str = "/proc/net/unix") -> list[str]:
    """Abstract control sockets of this network namespace (proc(5)); none but on Linux."""
    try:
        with open(table, encoding="utf-8", errors="replace") as lines:
            found = {match[1] for line in lines if (match := _NAME.search(line.rstrip("\n")))}
    except OSError:
        return []
    return sorted(found)


def living() -> list[Data]:
    """The candidates that let us in, and what each says of itself."""
    return [described(name) for name in candidates() if not objection(name)]


def described(name: str) -> Data:
    """What the server at a socket is; of one that does not answer, no more than the socket."""
    try:
        with ControlClient(name, QUICK) as client:
            told = client.ask("status")
    except ControlError:
        told = None
    said = told if isinstance(told, dict) else {}
    return {"socket": name, **{each: said.get(each) for each in FACTS}}


def objection(name: str) -> str:
    """Why no server answers at this socket; empty when one does."""
    try:
        with ControlClient(name, QUICK):
            return ""
    except NotThereError as error:
        return str(error)


def choose(given: str | None) -> str:
    """The socket to use: the one that was named, the default path, or the only other one."""
    if given is not None:
        return given if given.startswith("@") else os.path.abspath(given)
    default = default_control_socket()
    tried = objection(default) if default else "this user has no home directory"
    if not tried:
        return default
    others = [name for name in abstract() if not objection(name)]
    if len(others) == 1:
        return others[0]
    if others:
        listed = "\n".join(servers(list(map(described, others)), time.time()))
        raise NotThereError(f"several servers run here: name one with -s SOCKET\n\n{listed}")
    raise NotThereError(
        f"no server was found ({tried}; no abstract socket {ABSTRACT_PREFIX}PID either). "
        "Is it running, as this user? Name its control_socket with -s."
    )
