"""What every thread is doing, when a worker is interrupted."""

import sys
import threading
import traceback

bind = "127.0.0.1:0"
workers = 1
timeout = 30
loglevel = "info"


def on_starting(server):
    server.log.info("on_starting: %s workers", server.cfg.workers)


def on_reload(server):
    server.log.info("on_reload: %s workers", server.cfg.workers)


def when_ready(server):
    server.log.info("Server is ready. Spawning workers")


def nworkers_changed(server, new_value, old_value):
    server.log.info("from %s to %s workers", old_value, new_value)


def pre_fork(server, worker):
    server.log.info("about to fork worker %s", worker.age)


def post_fork(server, worker):
    server.log.info("Worker spawned (pid: %s)", worker.pid)


def worker_int(worker):
    worker.log.info("worker received INT or QUIT signal")
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        functions = [each.name for each in traceback.extract_stack(frame)]
        if "worker_int" in functions:
            worker.log.info("thread %s: %s", names[ident], functions[-1])


def worker_abort(worker):
    worker.log.info("worker received SIGABRT signal")


def worker_exit(server, worker):
    worker.log.info("worker %s leaves", worker.age)


def child_exit(server, worker):
    server.log.info("a %s has left", type(worker).__name__)


def on_exit(server):
    server.log.info("on_exit: %s workers left", len(server.WORKERS))
