"""A worker as one would write it for gunicorn, with its own sockets and gunicorn's parser."""

from __future__ import annotations

import select

from gunicorn import util
from gunicorn.http import get_parser, wsgi
from gunicorn.workers.base import Worker

# mypy: ignore-errors


class ParserWorker(Worker):
    """One connection after the other, each as long as it is kept."""

    def run(self):  # noqa: ANN201
        """Accept while the arbiter wants it."""
        listener = self.sockets[0]
        listener.setblocking(False)
        while self.alive:
            self.notify()
            if not select.select([listener], [], [], 0.2)[0]:
                continue
            try:
                client, address = listener.accept()
            except BlockingIOError:
                continue
            client.settimeout(20)
            try:
                self.converse(listener, client, address)
            finally:
                util.close_graceful(client)

    def converse(self, listener, client, address):  # noqa: ANN001, ANN201
        """Answer each request of a connection."""
        parser = get_parser(self.cfg, client, address)
        req = None
        try:
            for req in parser:
                if self.answer(listener, req, client, address).should_close():
                    return
        except OSError:
            return
        except Exception as error:
            self.handle_error(req, client, address, error)

    def answer(self, listener, req, client, address):  # noqa: ANN001, ANN201
        """Call the application."""
        server = listener.getsockname()
        resp, environ = wsgi.create(req, client, address, server, self.cfg)
        self.nr += 1
        result = self.wsgi(environ, resp.start_response)
        try:
            for block in result:
                resp.write(block)
            resp.close()
        finally:
            if hasattr(result, "close"):
                result.close()
        return resp
