"""The control socket, which `licornectl` talks to."""

from __future__ import annotations

import os

from licorne.config import convert
from licorne.config.option import Section, computed, option


def default_control_socket() -> str:
    """A path in the user's runtime directory, else below the home directory; empty without both."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.path.isdir(runtime):
        return os.path.join(runtime, "licorne.ctl")
    home = os.path.expanduser("~")
    # A user that the system does not know has no home, and the ~ stays.
    return os.path.join(home, ".licorne", "licorne.ctl") if os.path.isabs(home) else ""


class Control(Section):
    """Control"""

    control_socket: str = computed(
        "--control-socket",
        factory=default_control_socket,
        convert=convert.text,
        metavar="PATH",
        reload="rebind",
        doc="""The unix socket that licornectl talks to.

        `$XDG_RUNTIME_DIR/licorne.ctl` by default, else `~/.licorne/licorne.ctl`; `@NAME` is an
        abstract socket of Linux. When the path cannot be used, or another server listens there,
        the abstract socket `@licorne-ctl-PID` takes its place.
        """,
    )
    control_socket_mode: int = option(
        "--control-socket-mode",
        default=0o600,
        convert=convert.mode,
        metavar="MODE",
        reload="rebind",
        doc="""Permission bits of the control socket, 0600 by default; text such as `0660` is octal.

        A user that may write to it may stop the server. An abstract socket, which has no permission
        bits, serves the server's own user and root.
        """,
    )
    control_socket_disable: bool = option(
        "--no-control-socket",
        default=False,
        reload="rebind",
        doc="Have no control socket.",
    )
