"""Load once, fork, connect to the database anew in each worker."""

import sys

bind = "127.0.0.1:0"
preload_app = True
worker_class = "gthread"
threads = 2
workers = 1


def pre_fork(server, worker):
    # Nothing that belongs to a process may cross the fork.
    sys.modules["database_site"].database.close()


def post_fork(server, worker):
    sys.modules["database_site"].database.connect()
    worker.log.info("reconnected, application loaded before: %s", "database_site" in sys.modules)
