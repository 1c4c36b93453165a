"""The shape of an ASGI service's: uvicorn's worker, hooks that log, headers of a proxy."""

import logging

bind = ["0.0.0.0:8080", "[::]:8081"]
workers = 2
worker_class = "uvicorn.workers.UvicornWorker"
preload_app = False
forwarded_allow_ips = "*"
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
raw_env = ["ENVIRONMENT=production", "DEBUG=false"]
access_log_format = '%(h)s %(t)s "%(r)s" %(s)s "%({x-request-id}i)s"'
logconfig_dict = {
    "version": 1,
    "formatters": {"plain": {"format": "%(message)s"}},
    "filters": {"all": {"()": logging.Filter}},
}


def when_ready(server):
    server.log.info("ready")


def post_fork(server, worker):
    server.log.info("worker %s", worker.pid)
