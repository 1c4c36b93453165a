"""Every hook, in the order of a server's life; each says in the log that it was called.

licorne --chdir examples/hooks -c examples/hooks/hooks.conf.py app
"""

# ruff: noqa: ANN001, ANN201, ARG001 - hooks look here as people write them in such a file

import os
import sys
import threading
import traceback
from pathlib import Path

#: For whatever waits until the server listens: a balancer's agent, a container's probe.
READY_FILE = os.environ.get("READY_FILE")
# Short, so that /stuck shows worker_abort soon.
timeout = int(os.environ.get("TIMEOUT", "30"))


def nworkers_changed(server, new_value, old_value):
    """Another number of workers is wanted: at the start, by TTIN and TTOU, by a reload (master)."""
    server.log.info("hook: nworkers_changed from %s to %s", old_value, new_value)


def on_starting(server):
    """Before anything is bound (master)."""
    server.log.info("hook: on_starting")


def when_ready(server):
    """Listening; no worker is forked yet (master)."""
    server.log.info("hook: when_ready")
    if READY_FILE:
        Path(READY_FILE).write_text(f"{server.pid}\n", encoding="ascii")


def on_reload(server):
    """HUP: the configuration is read, new workers are about to come (master)."""
    server.log.info("hook: on_reload")


def pre_fork(server, worker):
    """Before each fork (master)."""
    server.log.info("hook: pre_fork of worker %s", worker.age)


def post_fork(server, worker):
    """Open here what processes must not share: connections, threads, random numbers (worker)."""
    server.log.info("hook: post_fork in worker %s", worker.age)


def post_worker_init(worker):
    """The application is loaded (worker)."""
    worker.log.info("hook: post_worker_init")


def pre_request(worker, req):
    """Before each request (worker)."""
    worker.log.info("hook: pre_request %s %s", req.method, req.path)


def post_request(worker, req, environ, resp):
    """After each request (worker)."""
    worker.log.info("hook: post_request %s %s: %s", req.method, req.path, resp.status)


def worker_int(worker):
    """INT or QUIT ends the worker at once: say what its threads are doing (worker)."""
    worker.log.info("hook: worker_int")
    names = {each.ident: each.name for each in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        stack = "".join(traceback.format_stack(frame))
        worker.log.info("thread %s:\n%s", names.get(ident, ident), stack)


def worker_abort(worker):
    """ABRT ends a worker that was silent for `timeout` seconds: the last words (worker)."""
    worker.log.info("hook: worker_abort")


def worker_exit(server, worker):
    """The last thing a worker does (worker)."""
    server.log.info("hook: worker_exit")


def child_exit(server, worker):
    """A worker was reaped (master): where prometheus_client wants mark_process_dead()."""
    server.log.info("hook: child_exit of worker %s", worker.age)


def pre_exec(server):
    """USR2: in the process that becomes the new master."""
    server.log.info("hook: pre_exec")


def on_exit(server):
    """The last thing the master does."""
    server.log.info("hook: on_exit")
    if READY_FILE:
        Path(READY_FILE).unlink(missing_ok=True)
