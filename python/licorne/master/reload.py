"""HUP: reading the configuration again, and beginning a new generation of workers with it.

A configuration that cannot be used is refused, and changes nothing for a server that serves.
"""

from __future__ import annotations

import os

from licorne import hooks
from licorne.glogging.logger import remember, set_up
from licorne.master import pidfiles
from licorne.master.memory import monitor
from licorne.supervisor import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.arbiter import Arbiter


def reload(arbiter: Arbiter) -> None:
    """Read the configuration again; what comes of it is told to the planner."""
    arbiter.log.info("Hang up: %s", arbiter.master_name)
    arbiter.parts.notifier.reloading()
    _reset_environment(arbiter)
    undo = remember(arbiter.log)
    try:
        # The link that the server was started in may lead to another release by now.
        os.chdir(arbiter.START_CTX.directory)
        arbiter.app.reload()
        cfg = arbiter.app.cfg
        # Both are resolved here, where a wrong name can still be refused.
        _ = (cfg.worker_class, cfg.logger_class)
        certificates = arbiter.parts.certificates.read(cfg)
        set_up(arbiter.log, cfg)
        _adopt_listeners(arbiter)
    except (Exception, SystemExit) as error:
        _refuse(arbiter, error, undo)
        return
    arbiter.parts.certificates.adopt(cfg, certificates)
    _adopt(arbiter)
    arbiter.decide(_next(arbiter))


def _reset_environment(arbiter: Arbiter) -> None:
    """Take back what `raw_env` has set."""
    cfg = arbiter.cfg
    for name in cfg.env:
        if name in cfg.env_orig:
            os.environ[name] = cfg.env_orig[name]
        else:
            os.environ.pop(name, None)


def _adopt_listeners(arbiter: Arbiter) -> None:
    cfg, listeners = arbiter.app.cfg, arbiter.parts.listeners
    listeners.check(cfg)
    before = arbiter.address + arbiter.cfg.redirect_addresses
    if cfg.listen_addresses != before and listeners.rebind(cfg):
        arbiter.log.info("Listening at: %s", listeners)
    listeners.dispatch(cfg)


def _adopt(arbiter: Arbiter) -> None:
    """Go over to the settings that were read."""
    arbiter.log.reopen_files()
    arbiter.set_up()
    cfg, parts = arbiter.cfg, arbiter.parts
    hooks.call(arbiter.log, "on_reload", cfg.on_reload, arbiter)
    pidfiles.rewrite(arbiter)
    parts.endpoints.follow_control(cfg)
    parts.endpoints.follow_metrics(cfg)
    arbiter.set_title()
    parts.memory = monitor(cfg.max_worker_memory, arbiter.log)
    arbiter.prepare()


def _next(arbiter: Arbiter) -> events.Event:
    """The new generation: at once, or when a new mold has loaded the application."""
    preload = arbiter.parts.preload
    if preload is not None and arbiter.cfg.preload_app:
        return events.Renewing()
    if preload is not None:
        preload.molds.dismiss()
    return arbiter.reconfigured()


def _refuse(arbiter: Arbiter, error: BaseException, undo: Callable[[], None]) -> None:
    """Go on with the settings that are in force."""
    cfg, log = arbiter.cfg, arbiter.log
    arbiter.app.cfg = cfg
    try:
        os.chdir(cfg.chdir)
    except OSError as gone:
        # It was removed meanwhile; workers that are there are not concerned.
        log.warning("Cannot go back to %s: %s", cfg.chdir, gone.strerror)
    os.environ.update(cfg.env)
    # Not set up again: the file of a logging configuration may be what is broken.
    undo()
    said = str(error) if isinstance(error, Exception) else f"reading it ended with {error!r}"
    refused = "Reload refused, the present configuration stays: %s"
    log.error(refused, said, exc_info=error.__cause__)
    arbiter.parts.notifier.refused(said)
    arbiter.decide(events.ReloadRefused(said))
