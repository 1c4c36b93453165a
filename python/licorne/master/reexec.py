"""USR2: starting the program anew beside this master, and taking the old master's place."""

from __future__ import annotations

import os

from licorne import hooks
from licorne.master import pidfiles
from licorne.supervisor import events
from licorne.system import process, upgrade

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from licorne.arbiter import Arbiter
    from licorne.metrics.endpoint import Legacy


def reexec(arbiter: Arbiter) -> None:
    """Fork the new master; it takes over the sockets of this one."""
    metrics = None
    try:
        metrics = arbiter.parts.endpoints.bequeath_metrics()
        pid = process.fork(arbiter.SIGNALS)
    except OSError as error:
        # Without a descriptor or a process to spare: this one goes on.
        arbiter.log.error("Cannot start a new master: %s", error)  # noqa: TRY400 - says all
        if metrics is not None:
            metrics.close()
        return
    if not pid:
        _become_new_master(arbiter, metrics)
    if metrics is not None:
        metrics.close()
    arbiter.log.info("New master with pid: %s", pid)
    arbiter.decide(events.Upgraded(pid))


def _become_new_master(arbiter: Arbiter, metrics: Legacy | None) -> NoReturn:
    """In the new process: execute the program."""
    try:
        systemd, sockets = arbiter.systemd, arbiter.sockets()
        env = upgrade.environment(arbiter.cfg.env_orig, arbiter.pid, sockets, systemd)
        if metrics is not None:
            env[upgrade.METRICS] = metrics.encode()
        hooks.require("pre_exec", arbiter.cfg.pre_exec, arbiter)
        fds = [each.fileno() for each in sockets]
        upgrade.execute(arbiter.START_CTX, env, fds, systemd)
    except BaseException:
        # The rim of this process: it must not go on as a second master.
        arbiter.log.exception("Cannot execute the new master: %s", arbiter.START_CTX.words)
    finally:
        os._exit(1)


def promote(arbiter: Arbiter) -> None:
    """Take the old master's name when it has gone."""
    if not arbiter.roster.parent or os.getppid() == arbiter.roster.parent:
        return
    arbiter.decide(events.Promoted())
    arbiter.master_pid = 0
    arbiter.master_name = "Master"
    pidfiles.rename(arbiter)
    if arbiter.parts.notifier.enabled:
        from licorne.master import mainpid  # noqa: PLC0415 - for upgrades under systemd

        mainpid.announce_again(arbiter.log, arbiter.SIGNALS, arbiter.let_go)
    arbiter.log.info("Master has been promoted.")
    # The old master had the control socket's path.
    arbiter.parts.endpoints.follow_control(arbiter.cfg)
    arbiter.set_title()
