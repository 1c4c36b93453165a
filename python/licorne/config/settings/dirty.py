"""Processes beside the workers that keep applications for long computations (dirty workers)."""

from __future__ import annotations

from licorne.config import callables
from licorne.config.option import Section, option
from licorne.config.settings.hooks import nothing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config.settings.hooks import Hook1, Hook2


class Dirty(Section):
    """Dirty arbiters"""

    dirty_apps: list[str] = option(
        "--dirty-app",
        default=[],
        later="dirty workers",
        doc="An application for the dirty workers, `MODULE:CLASS` or `MODULE:CLASS:N`; repeatable.",
    )
    dirty_workers: int = option(
        "--dirty-workers",
        default=0,
        later="dirty workers",
        doc="Number of dirty workers; 0 for none.",
    )
    dirty_timeout: int = option(
        "--dirty-timeout",
        default=300,
        later="dirty workers",
        doc="Seconds that a task of a dirty worker may take; 0 for no limit.",
    )
    dirty_threads: int = option(
        "--dirty-threads",
        default=1,
        later="dirty workers",
        doc="Threads in each dirty worker.",
    )
    dirty_graceful_timeout: int = option(
        "--dirty-graceful-timeout",
        default=30,
        later="dirty workers",
        doc="Seconds that a dirty worker told to stop has to finish its tasks.",
    )


class DirtyHooks(Section):
    """Dirty arbiter hooks"""

    # Not refused meanwhile: without dirty_apps, which is, gunicorn calls none of them either.

    on_dirty_starting: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the dirty arbiter before it does anything.

        Arguments: arbiter.
        """,
    )
    dirty_post_fork: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in a dirty worker right after it was forked.

        Arguments: arbiter, worker.
        """,
    )
    dirty_worker_init: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in a dirty worker when its applications are loaded.

        Arguments: worker.
        """,
    )
    dirty_worker_exit: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in the dirty arbiter when a dirty worker has ended.

        Arguments: arbiter, worker.
        """,
    )
