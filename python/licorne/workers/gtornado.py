"""The tornado worker: tornado's `IOLoop` polls the engine.

A `tornado.web.Application`, or any other `HTTPServerConnectionDelegate`, gets its requests through
`tornado_connection`; a WSGI application runs on the loop's thread, one request after the other.
"""

from __future__ import annotations

from tornado.concurrent import dummy_executor
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.ioloop import IOLoop
from tornado.wsgi import WSGIContainer

from licorne.workers.base_asyncio import LoopWorker
from licorne.workers.engine import EngineWorker
from licorne.workers.tornado_connection import Conversation
from licorne.workers.tornado_container import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

    from licorne._engine import Exchange
    from licorne.http.views import Request


class TornadoWorker(LoopWorker):
    """Requests are tornado's own, or WSGI."""

    never_called = (*EngineWorker.never_called, "handle_request")
    traced = ()

    #: What answers requests, unless they are WSGI.
    _delegate: HTTPServerConnectionDelegate | None = None

    def load_wsgi(self) -> None:
        """Load the application, and see what it is."""
        super().load_wsgi()
        application: object = self.wsgi
        if isinstance(application, HTTPServerConnectionDelegate):
            self._delegate = application
        elif isinstance(application, WSGIContainer):
            if application.executor is dummy_executor:
                self.wsgi = application.wsgi_application
            else:
                # Its author wants threads: the container brings them.
                self._delegate = Container(application)

    def current_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the `IOLoop` that the application has seen, if it was loaded here."""
        loop: asyncio.AbstractEventLoop = IOLoop.current().asyncio_loop  # type: ignore[attr-defined]
        return loop

    def handles(self) -> bool:
        """Never: gunicorn's tornado worker has no `handle_request` for a request."""
        return False

    def begin(self, exchange: Exchange) -> None:
        """Run it on the loop, unless it is WSGI."""
        if self._delegate is None:
            super().begin(exchange)
        else:
            self.loop.call_soon(self.run_one, exchange)

    def run_bare(self, exchange: Exchange) -> None:
        """Begin with a request that no hook or subclass looks at."""
        if self._delegate is None:
            super().run_bare(exchange)
        else:
            self._converse(self._delegate, exchange, None)

    def run_exchange(self, request: Request) -> None:
        """Begin with a request, between its hooks."""
        if self._delegate is None:
            super().run_exchange(request)
        else:
            self._converse(self._delegate, request.exchange, request)

    def _converse(
        self,
        delegate: HTTPServerConnectionDelegate,
        exchange: Exchange,
        request: Request | None,
    ) -> None:
        number = exchange.id or 0

        def over() -> None:
            self.is_over(number, request)

        def hook() -> None:
            if request is not None:
                self.pre_request(request)

        conversation = Conversation(exchange, self.loop, over)
        self.unfinished[number] = conversation
        conversation.begin(delegate, hook)
