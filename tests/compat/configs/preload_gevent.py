"""Patched as early as can be, loaded once, served by greenlets; the database is met anew."""

from gevent import monkey

monkey.patch_all()

import socket  # noqa: E402 - patched
import sys  # noqa: E402
import threading  # noqa: E402

import gevent  # noqa: E402

bind = "127.0.0.1:0"
preload_app = True
worker_class = "gevent"
worker_connections = 100
workers = 1
accesslog = "-"
access_log_format = '%(m)s %(U)s %(s)s %(B)s "%(a)s"'


def pre_fork(server, worker):
    sys.modules["database_site"].database.close()


def post_fork(server, worker):
    sys.modules["database_site"].database.connect()
    worker.log.info("patched: %s", monkey.is_module_patched("socket"))


def post_worker_init(worker):
    # The usual helper: something that goes on beside the requests.
    told = threading.Event()
    gevent.spawn(told.set)
    told.wait()
    worker.log.info("greenlets run: %s, in %s", told.is_set(), socket.socket.__module__)


def post_request(worker, req, environ, resp):
    worker.log.info("answered %s %s by greenlets", req.path, resp.status)
