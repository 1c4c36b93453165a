"""The control socket in the master: where it is, and what is done for its clients.

What changes the server is only put into the loop's queues, so that a decision is never made, and a
worker never forked, while a client is answered.
"""

# ruff: noqa: PLC0415 - start-up time: json and the commands only when a client asks

from __future__ import annotations

import errno
import os

from licorne.ctl import endpoint
from licorne.master.clients import Clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.config import Config
    from licorne.ctl.answer import Answer
    from licorne.ctl.connection import Connection
    from licorne.ctl.protocol import Request
    from licorne.master.face import Master


class ControlServer:
    """The control socket of one master."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._endpoint: endpoint.Endpoint | None = None
        self._wished: tuple[str, int] | None = None
        self._clients = Clients(master, "Control socket", self._admit)
        self.wake_after = self._clients.wake_after
        self.look_after = self._clients.look_after

    def follow(self, cfg: Config) -> None:
        """Be where the configuration says: at the start, and after each reload."""
        if cfg.control_socket_disable:
            self.close()
            return
        path = cfg.control_socket
        if path and not path.startswith("@"):
            path = os.path.abspath(path)
        wished = (path, cfg.control_socket_mode)
        here = self._endpoint is not None and self._endpoint.name == path
        if here and wished == self._wished:
            return
        if here:
            self._stop_listening()
        self._wished = wished
        found, why, usual = self._find_endpoint(cfg, *wished)
        if found is not None:
            # Said when it is true, the end of the old one included.
            self._stop_listening()
            self._listen(found)
            tell = self._master.log.debug if usual else self._master.log.info
            tell("Control socket listening at %s%s", found.name, why)

    def _find_endpoint(
        self, cfg: Config, path: str, mode: int
    ) -> tuple[endpoint.Endpoint | None, str, bool]:
        """The wished path; when it cannot be used, an abstract socket, unless there is one.

        And why, and whether that is no news: a second server of a user that has named no path is
        the usual case, and `licornectl servers` finds both.
        """
        usual = False
        log = self._master.log
        try:
            found = endpoint.take(path, mode)
        except OSError as error:
            why = f"{path or 'a path'}: {error.strerror or error}"
            usual = error.errno == errno.EADDRINUSE and cfg.is_default("control_socket")
        else:
            return found, "", usual
        if self._endpoint is not None and self._endpoint.abstract:
            return None, "", usual
        # A path that cannot be used is no error: the server serves (gunicorn 25 made it one).
        try:
            found = endpoint.take_abstract(self._master.pid)
        except OSError:
            log.info("No control socket, --control-socket names another path (not at %s)", why)
            return None, "", usual
        return found, f" (not at {why})", usual

    def _listen(self, found: endpoint.Endpoint) -> None:
        self._endpoint = found
        self._clients.open(found.sock)

    def _stop_listening(self) -> None:
        self._clients.shut()
        if self._endpoint is not None:
            self._endpoint.close()
        self._endpoint = None

    def close(self) -> None:
        """Stop listening and send the clients away."""
        self._stop_listening()
        self._clients.dismiss()
        self._wished = None

    def leave(self) -> None:
        """In a process that was forked: let go of the descriptors, and touch nothing else."""
        self._clients.leave()
        if self._endpoint is not None:
            self._endpoint.sock.close()
        self._endpoint = None

    def _admit(self, sock: socket.socket) -> Connection | None:
        from licorne.ctl import peer
        from licorne.ctl.connection import Connection

        abstract = self._endpoint is not None and self._endpoint.abstract
        objection = peer.stranger(sock) if abstract else ""
        if objection:
            self._master.log.warning("Control socket: a client was refused: %s", objection)
            return None
        return Connection(sock, self._serve, self._clients.changed)

    def _serve(self, request: Request) -> Answer:
        from licorne.ctl import commands
        from licorne.ctl.answer import Refused

        try:
            return commands.carry_out(self._master, request)
        except Refused:
            raise
        except Exception as error:
            # The rim: a bug in what shows the server must not end it.
            self._master.log.exception("Control socket: %s failed", request.command)
            raise Refused(f"{request.command}: {type(error).__name__}: {error}") from error
