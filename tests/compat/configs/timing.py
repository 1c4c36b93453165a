"""How long requests take, seen by hooks, and an access log for a log collector."""

import time

bind = "127.0.0.1:0"
accesslog = "-"
access_log_format = (
    'remote=%(h)s user=%(u)s method=%(m)s path="%(U)s" query="%(q)s" protocol=%(H)s status=%(s)s '
    'length=%(B)s referer="%(f)s" agent="%(a)s" s=%(T)s ms=%(M)s us=%(D)s dec=%(L)s pid=%(p)s '
    "id=%({x-request-id}i)s type=%({content-type}o)s script=%({script_name}e)s %(r)s"
)


def pre_request(worker, req):
    req.started = time.monotonic()
    headers = [name for name, _ in req.headers]
    worker.log.info("begin %s %s %s %s", req.method, req.uri, req.version, headers)


def post_request(worker, req, environ, resp):
    taken = time.monotonic() - req.started
    worker.log.info(
        "end %s %s %s %s %s %s",
        req.path,
        req.query,
        resp.status,
        resp.sent,
        environ["RAW_URI"],
        0 <= taken < 60,
    )
