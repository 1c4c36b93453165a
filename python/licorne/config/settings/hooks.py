"""The functions of the user's configuration that the server calls at named moments.

The objects handed over are gunicorn's by name and attributes: `server` is the arbiter, `worker` a
worker, `req` and `resp` the views of `licorne.http`.
"""

from __future__ import annotations

from licorne.config import callables
from licorne.config.option import Section, option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hook1 = Callable[[object], object]
    Hook2 = Callable[[object, object], object]
    Hook3 = Callable[[object, object, object], object]
    Hook4 = Callable[[object, object, object, object], object]


def nothing(*_arguments: object) -> None:
    """The default of every hook: the server may skip the call when it finds this one."""


def own_context(_config: object, factory: object) -> object:
    """The default of `ssl_context`: the context that the settings describe."""
    if not callable(factory):
        raise TypeError(f"the factory of the TLS context cannot be called: {factory!r}")
    return factory()


class Hooks(Section):
    """Server hooks"""

    on_starting: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the master before anything is listened to.

        Arguments: server.
        """,
    )
    on_reload: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the master during HUP, after the configuration is read again.

        Arguments: server.
        """,
    )
    when_ready: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the master when it listens, before the first worker.

        Arguments: server.
        """,
    )
    pre_fork: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in the master before each worker is forked.

        Arguments: server, worker.
        """,
    )
    post_fork: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in the worker right after it was forked.

        Arguments: server, worker.
        """,
    )
    post_worker_init: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the worker when the application is loaded.

        Arguments: worker.
        """,
    )
    worker_int: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the worker when it gets INT or QUIT.

        Arguments: worker.
        """,
    )
    worker_abort: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the worker when it gets ABRT, mostly for a timeout.

        Arguments: worker.
        """,
    )
    pre_exec: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the new process before a new master is executed.

        Arguments: server.
        """,
    )
    pre_request: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in the worker before each request.

        Arguments: worker, req.
        """,
    )
    post_request: Hook4 = option(
        default=nothing,
        convert=callables.post_request,
        doc="""Called in the worker after each request.

        May also be a function of two or three arguments.

        Arguments: worker, req, environ, resp.
        """,
    )
    child_exit: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in the master when a worker has ended.

        Arguments: server, worker.
        """,
    )
    worker_exit: Hook2 = option(
        default=nothing,
        convert=callables.hook(2),
        doc="""Called in the worker as its last action.

        Arguments: server, worker.
        """,
    )
    nworkers_changed: Hook3 = option(
        default=nothing,
        convert=callables.hook(3),
        doc="""Called in the master when the number of workers changes.

        Arguments: server, new_value, old_value.
        """,
    )
    on_exit: Hook1 = option(
        default=nothing,
        convert=callables.hook(1),
        doc="""Called in the master just before it ends.

        Arguments: server.
        """,
    )
    ssl_context: Hook2 = option(
        default=own_context,
        convert=callables.hook(2),
        doc="""Called for the TLS context of the listeners; returns the one to use.

        Arguments: config, default_ssl_context_factory.
        """,
    )
