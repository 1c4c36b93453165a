"""The pid file of the master; one that an old master has executed adds `.2` until that is gone."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.arbiter import Arbiter


def create(arbiter: Arbiter) -> None:
    """Write the file that is configured, if there is one; RuntimeError if that cannot be done."""
    configured = arbiter.cfg.pidfile
    if configured is not None:
        from licorne.pidfile import Pidfile  # noqa: PLC0415 - start-up time

        arbiter.pidfile = Pidfile(f"{configured}.2" if arbiter.roster.parent else configured)
        arbiter.pidfile.create(arbiter.pid)


def rewrite(arbiter: Arbiter) -> None:
    """Write it where the configuration says after a reload."""
    remove(arbiter)
    _goes_on(arbiter, lambda: create(arbiter))


def rename(arbiter: Arbiter) -> None:
    """Take the name of the old master's file, which is gone."""
    pidfile, configured = arbiter.pidfile, arbiter.cfg.pidfile
    if pidfile is not None and configured is not None:
        _goes_on(arbiter, lambda: pidfile.rename(configured))


def remove(arbiter: Arbiter) -> None:
    """Leave no file behind."""
    if arbiter.pidfile is not None:
        arbiter.pidfile.unlink()
        arbiter.pidfile = None


def _goes_on(arbiter: Arbiter, write: Callable[[], None]) -> None:
    """A server that serves does not end for a file."""
    try:
        write()
    except RuntimeError as error:
        arbiter.log.error("%s", error)  # noqa: TRY400 - the message says all
