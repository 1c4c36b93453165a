"""A configuration file: settings by name, and two hooks; hooks/ has all of them.

licorne -c examples/licorne.conf.py examples.hello

The names are those that gunicorn users know: every setting and every hook has them.
"""

# ruff: noqa: ANN001, ANN201 - hooks look here as people write them in such a file

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


def post_fork(server, worker):
    """After the fork: the place to open what must not be shared between processes (worker)."""
    server.log.info("hook: worker %s has pid %s", worker.age, worker.pid)


def on_exit(server):
    """The last thing the master does."""
    server.log.info("hook: bye")
