"""prometheus_client in several processes, as its documentation has it."""

from prometheus_client import multiprocess

bind = ["127.0.0.1:0"]
workers = 1
wsgi_app = "metrics_site:app"


def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
