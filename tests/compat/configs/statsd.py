"""Metrics to a local agent of DataDog."""

import os

bind = "127.0.0.1:0"
workers = 1
statsd_host = os.environ["STATSD_HOST"]
statsd_prefix = "shop"
dogstatsd_tags = "service:shop,env:prod"
accesslog = "-"
errorlog = "-"
access_log_format = '%(h)s %(l)s %(u)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'


def post_worker_init(worker):
    worker.log.info("gauge", extra={"metric": "shop.boot", "value": worker.age, "mtype": "gauge"})
