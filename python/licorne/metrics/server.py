"""Metrics and health checks in the master: where they are served, and what is answered.

A small request for each client, and some seconds for all of it. Answers are made by `collect`,
`page` and `health`; nothing here changes the server.
"""

# ruff: noqa: PLC0415 - start-up time: the page and the parser only when a client asks

from __future__ import annotations

import fcntl
import os
import time

from licorne.master.clients import Clients
from licorne.metrics import endpoint
from licorne.system import unpatched
from licorne.systemd import SD_LISTEN_FDS_START

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from licorne.config import Config
    from licorne.master.face import Master
    from licorne.metrics.connection import Answer, Connection
    from licorne.sock import BaseSocket

#: Seconds that a client may take from its connection to its end.
LONGEST = 10.0


class MetricsServer:
    """The metrics socket of one master."""

    def __init__(self, master: Master, legacy: endpoint.Legacy | None) -> None:
        self._master = master
        self._legacy = legacy
        self._listener: BaseSocket | None = None
        self._bind = ""
        #: The old master answers as long as it holds the other end of this pipe.
        self._awaits: int | None = None
        #: The other end of the pipe that a new master of ours waits at.
        self._holds: int | None = None
        self._clients = Clients(master, "Metrics", self._admit)
        self.wake_after = self._clients.wake_after
        self.look_after = self._clients.look_after

    def start(self, cfg: Config) -> None:
        """Listen, or end the start (`SystemExit`); what an old master has left is taken over."""
        legacy, self._legacy = self._legacy, None
        if legacy is not None and legacy.bind == cfg.metrics_bind:
            self._inherit(legacy, cfg)
            return
        if legacy is not None:
            legacy.close()
        if cfg.metrics_bind:
            self._listen(endpoint.take(cfg, self._master.log, patient=True), cfg.metrics_bind)

    def follow(self, cfg: Config) -> None:
        """Be where the configuration says, after a reload; where it cannot be, stay."""
        if cfg.metrics_bind == self._bind:
            return
        made = None
        if cfg.metrics_bind:
            try:
                made = endpoint.take(cfg, self._master.log, patient=False)
            except (OSError, SystemExit):
                said = "Metrics cannot be served at %s; they stay at %s"
                self._master.log.error(  # noqa: TRY400 - why was told already
                    said, cfg.metrics_bind, self._bind or "no address"
                )
                return
        self._stop_listening(unlink=True)
        if made is not None:
            self._listen(made, cfg.metrics_bind)

    def _listen(self, listener: BaseSocket, bind: str) -> None:
        self._listener, self._bind = listener, bind
        self._master.log.info("Metrics at: %s", endpoint.shown(listener))
        self._clients.open(listener)

    def _inherit(self, legacy: endpoint.Legacy, cfg: Config) -> None:
        from licorne import sock

        address = cfg.metrics_address
        listener = sock.adopt(legacy.socket, cfg, self._master.log, owned=True)
        if address is not None:
            listener.cfg_addr = address
        self._listener, self._bind = listener, legacy.bind
        self._awaits = legacy.pipe
        os.set_inheritable(legacy.pipe, False)
        self._master.watch(legacy.pipe, self._old_master_left)

    def _old_master_left(self, _mask: int) -> None:
        self._await_no_more()
        if self._listener is not None:
            self._master.log.info("Metrics at: %s", endpoint.shown(self._listener))
            self._clients.open(self._listener)

    def _await_no_more(self) -> None:
        if self._awaits is not None:
            self._master.unwatch(self._awaits)
            unpatched.close(self._awaits)
            self._awaits = None

    def bequeath(self) -> endpoint.Legacy | None:
        """In the master, before it forks a new one: what that one takes over, if anything.

        OSError: there is no descriptor for it.
        """
        if self._listener is None:
            return None
        self._let_go_of_pipe()
        # Out of the way of descriptors that have fixed numbers, and inheritable.
        least = SD_LISTEN_FDS_START + len(self._master.sockets())
        reading, self._holds = os.pipe()
        try:
            pipe = fcntl.fcntl(reading, fcntl.F_DUPFD, least)
        finally:
            unpatched.close(reading)
        try:
            socket_ = fcntl.fcntl(self._listener.fileno(), fcntl.F_DUPFD, least)
        except OSError:
            unpatched.close(pipe)
            raise
        return endpoint.Legacy(socket_, pipe, self._bind)

    def hand_over(self) -> None:
        """This master stops: if there is a new one, that one answers from now on."""
        if self._master.reexec_pid:
            self._stop_listening(unlink=False)

    def _let_go_of_pipe(self) -> None:
        if self._holds is not None:
            unpatched.close(self._holds)
            self._holds = None

    def _stop_listening(self, *, unlink: bool) -> None:
        self._clients.shut()
        waited = self._awaits is not None
        self._await_no_more()
        if self._listener is not None:
            if unlink and not waited:
                self._listener.unlink()
            self._listener.close()
        self._listener, self._bind = None, ""
        self._let_go_of_pipe()

    def close(self) -> None:
        """Send the clients away and stop listening."""
        self._clients.dismiss()
        self._stop_listening(unlink=not self._master.reexec_pid)

    def leave(self) -> None:
        """In a process that was forked: let go of the descriptors, and touch nothing else."""
        self._clients.leave()
        for fd in (self._awaits, self._holds):
            if fd is not None:
                unpatched.close(fd)
        if self._listener is not None:
            self._listener.close()
        self._listener = self._awaits = self._holds = None

    def _admit(self, sock: socket.socket) -> Connection:
        from licorne.http.wsgi import server_name
        from licorne.metrics.connection import Connection

        return Connection(sock, self._serve, server_name(), time.monotonic() + LONGEST)

    def _serve(self, path: str, accept: str) -> Answer | None:
        from licorne.metrics import health
        from licorne.metrics.connection import Answer

        if path == "/livez":
            return Answer("200 OK", "text/plain", "ok\n")
        if path == "/readyz":
            why = health.objection(self._master.roster)
            status = "503 Service Unavailable" if why else "200 OK"
            return Answer(status, "text/plain", f"{why or 'ok'}\n")
        if path != "/metrics":
            return None
        from licorne.metrics import collect, page

        openmetrics = page.wants_openmetrics(accept)
        text = page.render(collect.families(self._master), openmetrics=openmetrics)
        return Answer("200 OK", page.OPENMETRICS if openmetrics else page.PLAIN, text)
