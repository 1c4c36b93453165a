"""`--reload` in a worker: a changed file asks for a successor; code that does not load is shown.

The master replaces the worker as for any other cause: the successor is ready first. A worker whose
application could not be loaded is ready with a page that says why.
"""

from __future__ import annotations

import os
import sys
import traceback

from licorne.reloader import Watcher
from licorne.supervisor import causes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed.wsgi import WSGIApplication

    from licorne.workers.base import Worker

#: The code of this cause on the scoreboard.
_CODE = next(code for code, cause in causes.BY_CODE.items() if cause == causes.CHANGED_FILE)


def begin(worker: Worker) -> Watcher:
    """Watch the files of the worker, from before its application is loaded.

    With a class that the program has added to gunicorn's, from afterwards.
    """
    worker.log.warning("Reloader is on. Use in development only!")

    def changed(path: str) -> None:
        worker.log.info("Worker reloading: %s modified", path)
        worker.ask_replacement(_CODE)

    cfg = worker.cfg
    legacy = sys.modules.get("licorne.legacy.reloader")
    added = None if legacy is None else legacy.reloader_engines.added(cfg.reload_engine)
    if added is not None:
        own: Watcher = added(extra_files=cfg.reload_extra_files, callback=changed)
        return own
    made = Watcher(cfg.reload_extra_files, cfg.reload_engine, changed, worker.log)
    made.start()
    return made


def load(worker: Worker, reloader: Watcher) -> WSGIApplication:
    """The application; or, whatever it raised, one that shows the traceback."""
    try:
        wsgi = worker.app.wsgi()
    except (Exception, SystemExit) as error:
        if not worker.alive:
            # Told to go while loading: the exit is the signal handler's.
            raise
        # User code: anything may come out of it, and the next change of a file may repair it.
        worker.log.exception("The application cannot be loaded; waiting for a file to change")
        reloader.loaded(suspects(error))
        return worker.failing(error)  # type: ignore[return-value]
    reloader.loaded()
    return wsgi


def suspects(error: BaseException) -> set[str]:
    """The files whose change may repair it: those in the traceback, and the one not found."""
    files: set[str] = set()
    each: BaseException | None = error
    while each is not None:
        files.update(frame.filename for frame in traceback.extract_tb(each.__traceback__))
        if isinstance(each, SyntaxError) and each.filename:
            files.add(each.filename)
        if isinstance(each, ModuleNotFoundError) and each.name:
            files.update(_places(each.name))
        each = each.__cause__ or each.__context__
    # What is not a file (`<frozen importlib>`) is never seen to change.
    return {path for path in files if not path.startswith("<")}


def _places(module: str) -> Iterator[str]:
    """Where a module that was not found may appear."""
    parts = module.split(".")
    for folder in sys.path:
        yield os.path.join(folder, *parts) + ".py"
        yield os.path.join(folder, *parts, "__init__.py")
