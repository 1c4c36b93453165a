"""A logger class of the project's own: another format, no health checks, a page for timeouts."""

import logging

from gunicorn import glogging


class HealthFilter(logging.Filter):
    def filter(self, record):
        return "/health" not in record.getMessage()


class SiteLogger(glogging.Logger):
    error_fmt = "%(asctime)s site[%(process)d] %(levelname)s: %(message)s"
    datefmt = "%Y-%m-%dT%H:%M:%S%z"
    access_fmt = "access %(message)s"

    def setup(self, cfg):
        super().setup(cfg)
        self.access_log.addFilter(HealthFilter())
        self.error_log.info("the site's logger is set up")

    def atoms(self, resp, req, environ, request_time):
        atoms = super().atoms(resp, req, environ, request_time)
        atoms["site"] = environ.get("HTTP_HOST", "-").partition(":")[0]
        atoms["trace"] = req.trace
        return atoms

    def access(self, resp, req, environ, request_time):
        if environ.get("HTTP_USER_AGENT", "").startswith("kube-probe/"):
            return
        super().access(resp, req, environ, request_time)

    def critical(self, msg, *args, **kwargs):
        super().critical("PAGE: " + msg, *args, **kwargs)


bind = "127.0.0.1:0"
logger_class = SiteLogger
accesslog = "-"
access_log_format = "%(site)s %(m)s %(U)s %(q)s %(s)s %(B)s %(trace)s %({content-type}o)s"


def pre_request(worker, req):
    req.trace = dict(req.headers).get("X-TRACE", "none")
