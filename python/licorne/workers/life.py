"""The life of a worker process after the fork; what ends it becomes the exit status."""

from __future__ import annotations

import os
import signal
import sys

from licorne import hooks
from licorne.errors import AppImportError, HaltServer, StartFailed
from licorne.glogging import Logger
from licorne.supervisor.tables import BOOT_ERRORS
from licorne.system import process
from licorne.workers import leaving, load_order
from licorne.workers.slots import BOOT_FAILURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.workers.base import Worker

WORKER_BOOT_ERROR, APP_LOAD_ERROR = BOOT_ERRORS
#: What the master may still send to a worker that has done its work. ABRT stays: exit handlers of
#: the application may hang.
LATE = (
    signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGWINCH,
    process.STACK_SIGNAL,
)  # fmt: skip


def live(worker: Worker, server: object, leave: Callable[[Worker], None]) -> None:
    """Run the worker between its hooks; `server` is the arbiter that the hooks get.

    `leave` lets go of what is the master's. What comes out is a SystemExit, unless a log fails.
    """
    worker.pid = os.getpid()
    cfg, log = worker.cfg, worker.log
    if isinstance(log, Logger):
        # Not a class of the program's that only has the methods.
        log.in_worker(worker.age)
    log.info("Booting worker with pid: %s", worker.pid)
    try:
        leave(worker)
        hooks.require("post_fork", cfg.post_fork, server, worker)
        if worker.scoreboard is not None and not cfg.preload_app:
            load_order.await_turn(worker.scoreboard, worker.slot)
        worker.init_process()
    except AppImportError as error:
        # The user's mistake in naming the application: one line, no traceback.
        log.debug("Exception while loading the application", exc_info=True)
        process.say_last(error)
        sys.exit(APP_LOAD_ERROR)
    except StartFailed as error:
        # Said in words for the author of the application; the traceback is that of its own code.
        if not _known(worker, error):
            log.error("%s", error, exc_info=error.__cause__)  # noqa: TRY400 - see above
        sys.exit(WORKER_BOOT_ERROR)
    except (Exception, KeyboardInterrupt, HaltServer) as error:
        # The rim of a worker: user code of any kind ran in it.
        if worker.booted or not _known(worker, error):
            log.exception("Exception in worker process")
        sys.exit(-1 if worker.booted else WORKER_BOOT_ERROR)
    finally:
        log.info("Worker exiting (pid: %s)", worker.pid)
        # The exit status stays what it was, whatever the hook does.
        hooks.call(log, "worker_exit", cfg.worker_exit, server, worker)
        process.ignore(LATE)
        leaving.prepare(worker, sys.exc_info()[1])


def _known(worker: Worker, error: BaseException) -> bool:
    """Whether the worker before this one failed in the same way: then one line is enough.

    Broken code is tried again and again; its traceback is news only once.
    """
    import traceback  # noqa: PLC0415 - a boot that succeeds does not need it

    # The same in all processes of a master, and no module that this user may not be able to read.
    text = "".join(traceback.format_exception(error))
    failure = BOOT_FAILURE + (hash(text) & 0xFFFFFFFF)
    if worker.scoreboard is not None:
        worker.scoreboard.retire(worker.slot, failure)
    if failure != worker.last_failure:
        return False
    said = "The application fails to load as before: %s"
    worker.log.error(said, "".join(traceback.format_exception_only(error)).strip())
    return True
