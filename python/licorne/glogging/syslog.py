"""The logs in syslog: `unix://PATH#dgram|stream`, `udp://HOST:PORT`, `tcp://HOST:PORT`."""

from __future__ import annotations

import socket
from logging.handlers import SysLogHandler

from licorne.config import convert
from licorne.glogging.handlers import MARK, Patient, formatter

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from socket import socket as Socket  # noqa: N812 - the handler has an attribute of this name

    from licorne.config import Config

SYSLOG_FACILITIES = dict(SysLogHandler.facility_names)
#: Seconds that a line may take. A syslog server that does not read must not stop this one.
LONGEST = 0.5


def parse_syslog_address(addr: str) -> tuple[socket.SocketKind | None, str | tuple[str, int]]:
    """The type of socket and the address; the type of a unix socket may be left open."""
    if addr.startswith("unix://"):
        path, _, kind = addr.removeprefix("unix://").partition("#")
        if kind not in {"", "dgram", "stream"}:
            raise RuntimeError(f"Invalid syslog address {addr!r}: after # give dgram or stream.")
        kinds = {"stream": socket.SOCK_STREAM, "dgram": socket.SOCK_DGRAM}
        return kinds.get(kind), path
    scheme, separator, rest = addr.partition("://")
    if not separator or scheme not in {"udp", "tcp"}:
        raise RuntimeError(f"Invalid syslog address {addr!r}: give unix://, udp:// or tcp://.")
    try:
        parsed = convert.address(rest or "localhost", default_port=514)
    except ValueError as error:
        raise RuntimeError(f"Invalid syslog address {addr!r}: {error}") from error
    if not isinstance(parsed, tuple):
        raise RuntimeError(f"Invalid syslog address {addr!r}: give HOST:PORT.")  # noqa: TRY004
    return (socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM), parsed


def install(log: logging.Logger, cfg: Config, fmt: str, name: str) -> None:
    """Send this log to syslog; done once, however often the settings are applied."""
    for handler in [each for each in log.handlers if isinstance(each, SysLogHandler)]:
        if getattr(handler, MARK + "_syslog", False):
            log.removeHandler(handler)
            handler.close()
    prefix = cfg.syslog_prefix or cfg.proc_name.replace(":", ".")
    kind, address = parse_syslog_address(cfg.syslog_addr)
    facility = SYSLOG_FACILITIES.get(cfg.syslog_facility.lower())
    if facility is None:
        raise RuntimeError(
            f"Invalid value for syslog_facility: {cfg.syslog_facility!r}: "
            f"give one of {', '.join(sorted(SYSLOG_FACILITIES))}."
        )
    try:
        handler = _Handler(address=address, facility=facility, socktype=kind)
        handler.bound()
    except OSError as error:
        raise RuntimeError(f"Cannot reach syslog at {cfg.syslog_addr!r}: {error}") from error
    handler.setFormatter(formatter(cfg, fmt, prefix=f"gunicorn.{prefix}.{name}: "))
    setattr(handler, MARK + "_syslog", True)
    log.addHandler(handler)


class _Handler(Patient, SysLogHandler):
    """Lines to syslog, none of which waits for ever."""

    place = "in syslog"
    #: typeshed leaves it out.
    socket: Socket

    def bound(self) -> None:
        """Let no operation on the socket take longer; it is closed while no daemon is there."""
        if self.socket.fileno() >= 0:
            self.socket.settimeout(LONGEST)

    def _connect_unixsocket(self, address: str) -> None:
        # It is called again when the server comes back.
        super()._connect_unixsocket(address)  # type: ignore[misc] # not in typeshed
        self.bound()
