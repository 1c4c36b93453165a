"""What the native driver of an asgi worker reads, attribute by attribute, when it is made."""

from __future__ import annotations

from licorne.asgi.starting import starter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.asgi.lifespan import Lifespan
    from licorne.workers.gasgi import ASGIWorker


class AsgiOptions:
    """Of one worker, whose application has started."""

    def __init__(self, worker: ASGIWorker, lifespan: Lifespan) -> None:
        cfg = worker.cfg
        #: Its `before` and `after` are called around requests that hooks look at, as
        #: `inspects_requests` says.
        self.worker = worker
        self.app = worker.application
        self.loop = worker.loop
        #: `choose()`, asked once a round, gives `start(coro, context=context)`; `at_once` is the
        #: one that runs first steps at once.
        self.starter = starter(worker.loop)
        #: What every request has a copy of: the context variables that start-up has set.
        self.context = lifespan.context
        #: What start-up has left in `scope["state"]`; each request has a shallow copy.
        self.state = worker.state
        self.root_path = cfg.root_path
        #: `server` of the scope, for each listener.
        self.servers = [_server(each.getsockname()) for each in worker.sockets]
        #: Requests with the application at a time beyond which 503 is answered; 0 for no limit.
        self.limit = cfg.limit_concurrency
        #: Seconds from the end of a client to the end of what still runs for it.
        self.disconnect_grace = float(cfg.asgi_disconnect_grace_period)


def _server(name: object) -> tuple[object, int | None]:
    """Host and port, or the path of a unix socket and None (ASGI HTTP)."""
    if isinstance(name, tuple):
        return (name[0], int(name[1]))
    return (name.decode() if isinstance(name, bytes) else name, None)
