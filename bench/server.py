"""What a row of the servers is: data only."""

from __future__ import annotations

from dataclasses import dataclass, field

WSGI, ASGI = "wsgi", "asgi"
RESPONDER = "C responder"
LICORNE = "licorne"
NGINX = "nginx"


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server, and what it can be asked to do."""

    name: str
    command: tuple[str, ...]
    #: What is written into the file `{config}` before the start.
    config: str = ""
    #: By which interface it calls the application; empty: it calls none, its answers are its own.
    interface: str = WSGI
    #: What pip installs for it; empty for what is not a Python distribution.
    requires: tuple[str, ...] = ()
    #: Arguments that turn an access log on; None: it has none.
    access_log: tuple[str, ...] | None = None
    #: Arguments that make it JSON, beside those; None: it has no such format.
    json: tuple[str, ...] | None = None
    #: Arguments that keep it off, where it is on by default.
    quiet: tuple[str, ...] = ()
    #: Arguments for N application threads; None: not a matter of this server.
    threads: tuple[str, ...] | None = None
    #: Arguments for TLS with `{certificate}` and `{key}`, and HTTP/2 by ALPN; None: no TLS.
    tls: tuple[str, ...] | None = None
    #: Arguments for HTTP/2 in clear text, where it is not on by default; None: it has none.
    cleartext: tuple[str, ...] | None = None
    #: Arguments for the pipelining scenario only.
    pipelining: tuple[str, ...] = ()
    #: Scenarios that make no sense for it, with the reason shown in the table.
    skips: dict[str, str] = field(default_factory=dict)
    #: Served only where a scenario names it.
    on_request: bool = False
