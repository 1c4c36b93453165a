"""A large site with error tracking: threads, long requests, an SDK started in each worker."""

import os


def env_int(name, default):
    return int(os.environ.get(name) or default)


bind = "127.0.0.1:0"
workers = env_int("SITE_WEB_WORKERS", 1)
threads = env_int("SITE_WEB_THREADS", 4)
worker_class = "gthread"
timeout = 120
graceful_timeout = 60
keepalive = 5
max_requests = 100000
max_requests_jitter = 5000
limit_request_line = 8190
proc_name = "large-site"
raw_env = ["SITE_RELEASE=2024.1.0", "SITE_ENVIRONMENT=production"]
worker_tmp_dir = "/dev/shm"

reported = []


def post_fork(server, worker):
    reported.append({"release": os.environ["SITE_RELEASE"], "age": worker.age})


def post_worker_init(worker):
    worker.log.info("error tracking: %s", reported)


def worker_abort(worker):
    worker.log.critical("worker %s aborted", worker.pid)
