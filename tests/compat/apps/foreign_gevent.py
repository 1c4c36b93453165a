"""Workers on gevent's, as public projects extend them, and an application for WebSockets."""

from __future__ import annotations

import os

import gevent
from gevent import monkey
from gunicorn.workers.ggevent import GeventWorker

# mypy: ignore-errors


class WildGeventWorker(GeventWorker):
    """What projects override: the patching, the start, each request."""

    def patch(self):  # noqa: ANN201
        """As drivers for databases are made to wait for greenlets."""
        super().patch()
        self.log.info("WILD patch, threads too: %s", monkey.is_module_patched("threading"))

    def init_process(self):  # noqa: ANN201
        """As tracing libraries do."""
        self.log.info("WILD init_process")
        super().init_process()

    def handle_request(self, listener_name, req, sock, addr):  # noqa: ANN001, ANN201
        """Around each request."""
        self.log.info("WILD before %s from %s at %s", req.path, addr[0], listener_name[0])
        super().handle_request(listener_name, req, sock, addr)
        self.log.info("WILD after %s", req.path)


def app(environ, start_response):  # noqa: ANN001, ANN201
    """This process's id and the thread that greenlets count as; `/ws` echoes."""
    websocket = environ.get("wsgi.websocket")
    if websocket is not None:
        while (message := websocket.receive()) is not None:
            websocket.send(f"{message} back from {os.getpid()}")
        return []
    gevent.sleep(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
