"""A configuration file: settings by name, and hooks as functions.

licorne -c examples/licorne.conf.py examples.hello

The same file works under the names gunicorn users know: every setting and every hook has them.
"""

# ruff: noqa: ANN001, ANN201, ARG001 - hooks look here as people write them in such a file

import multiprocessing
import os

bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY") or min(4, multiprocessing.cpu_count()))
worker_class = "gthread"
threads = 4
timeout = 30
graceful_timeout = 30
keepalive = 75
max_requests = 10_000
max_requests_jitter = 1_000
accesslog = "-"
access_log_format = '%(h)s %(t)s "%(r)s" %(s)s %(b)s %(D)sus %(p)s'


def on_starting(server):
    """Before anything is bound (master)."""
    server.log.info("hook: starting as pid %s", os.getpid())


def when_ready(server):
    """Listening, before the first worker is forked (master)."""
    server.log.info("hook: ready on %s", server.address)


def pre_fork(server, worker):
    """Before each fork (master)."""
    server.log.debug("hook: about to fork worker %s", worker.age)


def post_fork(server, worker):
    """After the fork: the place to open what must not be shared between processes (worker)."""
    server.log.info("hook: worker %s has pid %s", worker.age, worker.pid)


def post_worker_init(worker):
    """Application loaded (worker)."""
    worker.log.info("hook: worker %s serves", worker.pid)


def pre_request(worker, req):
    """Before each request (worker)."""
    worker.log.debug("hook: %s %s", req.method, req.path)


def post_request(worker, req, environ, resp):
    """After each request (worker)."""
    worker.log.debug("hook: %s %s: %s", req.method, req.path, resp.status)


def worker_exit(server, worker):
    """The last thing a worker does (worker)."""
    server.log.info("hook: worker %s leaves", worker.pid)


def child_exit(server, worker):
    """A worker was reaped (master): where prometheus_client wants mark_process_dead()."""
    server.log.info("hook: worker %s is gone", worker.pid)


def on_exit(server):
    """The last thing the master does."""
    server.log.info("hook: bye")
