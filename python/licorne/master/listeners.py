"""Where the server listens: sockets of its own, of systemd, or of the master before this one.

All workers share them; with `reuse_port` each has a set of its own (`reuseport`).
"""

from __future__ import annotations

import sys

from licorne import sock, systemd
from licorne.errors import ConfigError
from licorne.supervisor.converge import outdated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licorne.config import Config
    from licorne.glogging import Logger
    from licorne.master.handover import HandoverQueue
    from licorne.master.reuseport import SocketSets
    from licorne.sock import BaseSocket
    from licorne.supervisor.roster import Child, Roster
    from licorne.system.upgrade import Inheritance
    from licorne.workers.base import Worker


class Listeners:
    """The listening sockets of the master."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._sets: SocketSets | None = None
        #: Those that stand for all; empty before `open` and after `close`.
        self.sockets: list[BaseSocket] = []
        #: systemd has opened them.
        self.systemd = False
        #: By which workers hand connections to each other; None where they do not.
        self.queue: HandoverQueue | None = None
        #: Workers that were given a set and that the planner does not know yet.
        self._expected: list[Worker] = []

    def __str__(self) -> str:
        return ",".join(map(str, self.sockets))

    @staticmethod
    def check(cfg: Config) -> None:
        """Refuse listeners that the workers would not serve."""
        if cfg.redirect_http:
            from licorne.config.preflight import redirects  # noqa: PLC0415 - rarely needed

            for complaint in redirects(cfg):
                raise ConfigError(complaint)

    def open(self, cfg: Config, left: Inheritance) -> None:
        """Adopt what was left or handed over, bind what is configured."""
        self.check(cfg)
        count = systemd.listen_fds()
        first = systemd.SD_LISTEN_FDS_START
        self.systemd = count > 0
        fds = [*range(first, first + count)] or left.fds
        made = sock.create_sockets(cfg, self._log, fds, owned=bool(left.fds))
        for each, address in zip(made, left.addresses, strict=False):
            each.cfg_addr = address
        made = sock.with_redirects(made, cfg, self._log)
        if cfg.reuse_port and not self.systemd:
            from licorne.master.reuseport import SocketSets  # noqa: PLC0415 - rarely needed

            self._sets = SocketSets(made, cfg, self._log)
            made = self._sets.first()
        elif left.addresses:
            # The configuration may name other addresses than the old master's did.
            made = sock.with_redirects(sock.rebind(made, cfg, self._log), cfg, self._log)
        self.sockets = made
        self.dispatch(cfg)

    def dispatch(self, cfg: Config) -> None:
        """Have the workers of these listeners hand waiting connections to each other, or not."""
        wanted = cfg.dispatch == "auto" and sys.platform == "linux"
        if not wanted:
            self._drop_queue()
        elif self.queue is None:
            from licorne.master.handover import HandoverQueue  # noqa: PLC0415 - in the master only

            self.queue = HandoverQueue()

    def _drop_queue(self) -> None:
        """Workers that have it go on with it."""
        if self.queue is not None:
            self.queue.close()
            self.queue = None

    def rebind(self, cfg: Config) -> bool:
        """Listen where a new configuration says (HUP); False where that cannot be changed."""
        if self.systemd or self._sets is not None:
            return False
        rebound = sock.rebind(self.sockets, cfg, self._log)
        self.sockets = sock.with_redirects(rebound, cfg, self._log)
        # Its messages name listeners by their place among those that its workers have.
        self._drop_queue()
        return True

    def all(self) -> list[BaseSocket]:
        """Every socket that the master holds."""
        return self.sockets if self._sets is None else self._sets.all()

    def close(self, *, unlink: bool) -> None:
        """Accept nothing more; the files of unix sockets stay unless they are this master's."""
        sock.close_sockets(self.all(), unlink=unlink and not self.systemd)
        self.sockets, self._sets = [], None
        self._drop_queue()

    def leave(self, kept: Sequence[BaseSocket]) -> None:
        """In another process: close all copies but those that it serves.

        A copy of a sibling's socket would keep it open after the sibling has gone.
        """
        for each in self.all():
            if each not in kept:
                each.close()
        self.sockets, self._sets = [*kept], None
        if not kept:
            self._drop_queue()

    def for_next(
        self, roster: Roster, workers: Mapping[int, Worker]
    ) -> tuple[int, list[BaseSocket]]:
        """The number of the next worker's set, and its sockets."""

        def sets(children: list[Child]) -> list[int]:
            return [workers[child.pid].socket_set for child in children]

        if self._sets is None:
            return 0, self.sockets
        staying = [child for child in roster.active() if not roster.outdated(child)]
        used = sets(staying) + self._expected_sets(roster, workers)
        number = self._sets.choose(roster.target, used, sets(outdated(roster)))
        return number, self._sets[number]

    def expect(self, worker: Worker) -> None:
        """A worker is about to be forked: its set is in use."""
        if self._sets is not None:
            self._expected.append(worker)

    def forget(self, worker: Worker) -> None:
        """It will not be forked."""
        self._expected = [each for each in self._expected if each is not worker]

    def _expected_sets(self, roster: Roster, workers: Mapping[int, Worker]) -> list[int]:
        self._expected = [
            each
            for each in self._expected
            if not isinstance(each.pid, int)
            or (each.pid in workers and roster.child(each.pid) is None)
        ]
        return [each.socket_set for each in self._expected]

    def settle(self, roster: Roster, workers: Mapping[int, Worker]) -> None:
        """With reuse_port: no set of sockets without a worker, but for those about to come."""
        if self._sets is None:
            return
        active = {child.pid for child in roster.active()}
        used = {worker.socket_set for pid, worker in workers.items() if pid in active}
        used.update(self._expected_sets(roster, workers))
        self._sets.settle(roster.target, used)
        self.sockets = self._sets.first()
