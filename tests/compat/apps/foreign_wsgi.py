"""A WSGI application, and workers written for gunicorn: one with its own loop, one on gthread."""

from __future__ import annotations

import os
import select
import socket
import threading
from concurrent import futures
from pathlib import Path

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers import base
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

# mypy: ignore-errors


def app(environ, start_response):  # noqa: ANN001, ANN201
    """Answer with this process's id; `/wait?PATH` hangs until PATH is opened."""
    if environ["PATH_INFO"] == "/wait":
        Path(environ["QUERY_STRING"]).read_bytes()
    body = str(os.getpid()).encode()
    if environ["PATH_INFO"] == "/thread":
        body = f"{threading.current_thread().name} {environ.get('test.seen')}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class OwnWorker(base.Worker):
    """A loop over the listeners, as gunicorn's documentation of the contract describes one."""

    def init_process(self):  # noqa: ANN201
        """Prepare, then what every worker does."""
        self.served = 0
        super().init_process()

    def run(self):  # noqa: ANN201
        """Accept, answer, give signs of life; end when told to, or after enough requests."""
        for each in self.sockets:
            each.setblocking(False)
            util.close_on_exec(each.fileno())
        while self.alive:
            self.notify()
            ready, _, _ = select.select([each.sock for each in self.sockets], [], [], 0.5)
            for listener in ready:
                try:
                    client, address = listener.accept()
                except OSError:
                    continue
                self.handle(listener, client, address)
            if self.ppid != os.getppid():
                self.log.info("Parent changed, shutting down: %s", self)
                return

    def handle(self, listener, client, address):  # noqa: ANN001, ANN201
        """One request for each connection."""
        client.settimeout(5)
        try:
            target = client.recv(65536).split(b" ")[1].decode()
            path, _, query = target.partition("?")
            environ = {"PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": address[0]}
            assert listener.getsockname()[1] > 0
            body = b"".join(self.wsgi(environ, lambda *_: None))
            client.sendall(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )
        except Exception as error:
            self.handle_error(None, client, address, error)
        finally:
            util.close(client)
        self.nr += 1
        if self.nr >= self.max_requests:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False


class WildThreadWorker(ThreadWorker):
    """What projects override: the start, the threads, each request, the signs of life, the end."""

    def init_process(self):  # noqa: ANN201
        """As tracing libraries do."""
        self.log.info("WILD init_process")
        super().init_process()

    def get_thread_pool(self):  # noqa: ANN201
        """Threads with an initializer."""
        return futures.ThreadPoolExecutor(
            max_workers=self.cfg.threads, thread_name_prefix="wild", initializer=self._begin
        )

    def _begin(self):  # noqa: ANN202
        self.log.info("WILD thread %s", threading.current_thread().name)

    def handle_request(self, req, conn):  # noqa: ANN001, ANN201
        """Around each request."""
        self.log.info("WILD before %s %s from %s", req.method, req.path, conn.client[0])
        keep = super().handle_request(req, conn)
        self.log.info("WILD after %s keep=%s", req.path, keep)
        return keep

    def notify(self):  # noqa: ANN201
        """A liveness check of the project's own."""
        if not getattr(self, "told", False):
            self.told = True
            self.log.info("WILD notify")
        super().notify()

    def handle_exit(self, sig, frame):  # noqa: ANN001, ANN201
        """As draining workers do."""
        super().handle_exit(sig, frame)
        self.log.info("WILD handle_exit %s", self.alive)

    def run(self):  # noqa: ANN201
        """As workers with helper threads do."""
        try:
            super().run()
        finally:
            self.log.info("WILD run ended")


class AnsweringWorker(SyncWorker):
    """As projects do that have copied `handle_request`, to change a thing in its middle."""

    def handle_request(self, listener, req, client, addr):  # noqa: ANN001, ANN201
        """The application is called, and answered for, here."""
        self.cfg.pre_request(self, req)
        resp, environ = wsgi.create(req, client, addr, listener.getsockname(), self.cfg)
        resp.force_close()
        self.nr += 1
        environ["test.seen"] = environ["wsgi.input"].read().decode()
        respiter = self.wsgi(environ, resp.start_response)
        try:
            if isinstance(respiter, environ["wsgi.file_wrapper"]):
                resp.write_file(respiter)
            else:
                for item in respiter:
                    resp.write(item)
            resp.close()
        finally:
            if hasattr(respiter, "close"):
                respiter.close()
        self.cfg.post_request(self, req, environ, resp)
        self.log.info("WILD answered %s with %s, %d bytes", req.path, resp.status, resp.sent)


class WildSyncWorker(SyncWorker):
    """The sync worker's signature of `handle_request`, and signs of life."""

    def handle_request(self, listener, req, client, addr):  # noqa: ANN001, ANN201
        """Around each request; the client's socket is at hand."""
        assert isinstance(client, socket.socket)
        self.log.info("WILD %s from %s at %s", req.path, addr[0], listener.getsockname()[0])
        super().handle_request(listener, req, client, addr)

    def notify(self):  # noqa: ANN201
        """Counted, to be seen."""
        self.told = getattr(self, "told", 0) + 1
        self.log.info("WILD notify %d", self.told)
        super().notify()
