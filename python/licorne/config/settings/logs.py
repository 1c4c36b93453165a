"""What is written where."""

from __future__ import annotations

import sys

from licorne.config import convert
from licorne.config.classes import logger_class
from licorne.config.option import Section, derived, option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config.convert import Address

ACCESS_FORMAT = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
SYSLOG = "unix:///var/run/syslog" if sys.platform == "darwin" else "udp://localhost:514"


class Logs(Section):
    """Logging"""

    accesslog: str | None = option(
        "--access-logfile",
        default=None,
        metavar="FILE",
        reload="logs",
        doc="Write a line for each request to this file; `-` for standard output.",
    )
    disable_redirect_access_to_syslog: bool = option(
        "--disable-redirect-access-to-syslog",
        default=False,
        reload="logs",
        doc="Do not send access lines to syslog.",
    )
    access_log_format: str = option(
        "--access-logformat",
        default=ACCESS_FORMAT,
        reload="logs",
        doc="""The form of an access line.

        %(h)s peer, %(l)s a dash, %(u)s user of basic authentication, %(t)s time, %(r)s request
        line, %(s)s status, %(m)s method, %(U)s path, %(q)s query, %(H)s protocol, %(b)s bytes or a
        dash, %(B)s bytes, %(f)s referer, %(a)s user agent, %(T)s seconds, %(M)s milliseconds,
        %(D)s microseconds, %(L)s seconds with fraction, %(p)s process, %({name}i)s request header,
        %({name}o)s response header, %({name}e)s environ value, %({request_id}x)s the request's id,
        %({queue_time}x)s seconds that it waited for the application.
        """,
    )
    log_format: str = option(
        "--log-format",
        default="text",
        choices=("text", "json"),
        reload="logs",
        doc="""Write the logs as lines of text, or as one JSON object a line.

        Both logs have timestamp, level, logger, pid, worker and message; the access log has also
        method, path, query, protocol, status, bytes, duration, queue_time, peer, referer,
        user_agent and request_id. Formats of lines are not used then.
        """,
    )
    access_log_exclude: list[str] = option(
        "--access-log-exclude",
        default=[],
        metavar="PATH_OR_STATUS",
        reload="logs",
        doc="""Write no access line for these requests; may be given more than once.

        `/healthz` is exactly that path, `/static/*` all that begin so, `404` a status, `2xx` a
        class of statuses.
        """,
    )
    access_log_sample: float = option(
        "--access-log-sample",
        default=1.0,
        convert=convert.share,
        metavar="SHARE",
        reload="logs",
        doc="""Write access lines for this share of the requests, between 0 and 1.

        Answers of 500 and above are always written.
        """,
    )
    request_id: bool = option(
        "--request-id",
        default=False,
        doc="""Give each request an id: in the environ, the response and the logs.

        The `X-Request-ID` of a peer in `forwarded_allow_ips` is taken over, anything else is
        replaced by a new one. Applications see it as `HTTP_X_REQUEST_ID` and `licorne.request_id`.
        """,
    )
    queue_time: bool = option(
        "--queue-time",
        default=False,
        doc="""Tell applications, in `licorne.queue_time`, how many seconds the request has waited.

        That is since it arrived, or since the `X-Request-Start` of a peer in
        `forwarded_allow_ips`. The access log has it without this setting.
        """,
    )
    errorlog: str = option(
        "--error-logfile",
        "--log-file",
        default="-",
        metavar="FILE",
        reload="logs",
        doc="Write the server's own messages to this file; `-` for standard error.",
    )
    loglevel: str = option(
        "--log-level",
        default="info",
        metavar="LEVEL",
        reload="logs",
        doc="Least important message to write: debug, info, warning, error or critical.",
    )
    capture_output: bool = option(
        "--capture-output",
        default=False,
        reload="restart",
        doc="Send standard output and error of the application to the error log's file.",
    )
    logger_class: type = derived(
        "--logger-class",
        default="licorne.glogging.Logger",
        view=logger_class,
        convert=convert.class_spec,
        doc="The class that writes the logs: a dotted path or a class.",
    )
    logconfig: str | None = option(
        "--log-config",
        default=None,
        metavar="FILE",
        reload="logs",
        doc="Read the logging configuration from this file, in the form of logging.config.",
    )
    logconfig_dict: dict[str, object] = option(
        default={},
        reload="logs",
        doc="The logging configuration as a dict, in the form of logging.config.dictConfig.",
    )
    logconfig_json: str | None = option(
        "--log-config-json",
        default=None,
        metavar="FILE",
        reload="logs",
        doc="Read the logging configuration from this JSON file.",
    )
    syslog_addr: str = option(
        "--log-syslog-to",
        default=SYSLOG,
        metavar="SYSLOG_ADDR",
        reload="logs",
        doc="Where syslog is: `unix://PATH#TYPE` (dgram or stream), `udp://HOST:PORT`, `tcp://…`.",
    )
    syslog: bool = option(
        "--log-syslog",
        default=False,
        reload="logs",
        doc="Send the logs to syslog.",
    )
    syslog_prefix: str | None = option(
        "--log-syslog-prefix",
        default=None,
        metavar="SYSLOG_PREFIX",
        reload="logs",
        doc="""The program's name in syslog lines: gunicorn.PREFIX.error and gunicorn.PREFIX.access.

        The process's name (`proc_name`) if it is not set.
        """,
    )
    syslog_facility: str = option(
        "--log-syslog-facility",
        default="user",
        metavar="SYSLOG_FACILITY",
        reload="logs",
        doc="The facility of syslog lines.",
    )
    enable_stdio_inheritance: bool = option(
        "-R",
        "--enable-stdio-inheritance",
        default=False,
        reload="restart",
        doc="Keep standard output and error when running in the background.",
    )
    statsd_host: Address | None = option(
        "--statsd-host",
        default=None,
        convert=convert.statsd_address,
        metavar="STATSD_ADDR",
        reload="logs",
        doc="Send metrics to this statsd server: `HOST`, `HOST:PORT` or `unix://PATH`.",
    )
    statsd_prefix: str = option(
        "--statsd-prefix",
        default="",
        metavar="STATSD_PREFIX",
        reload="logs",
        doc="Put this, and a dot, in front of the names of statsd metrics.",
    )
    dogstatsd_tags: str = option(
        "--dogstatsd-tags",
        default="",
        metavar="DOGSTATSD_TAGS",
        reload="logs",
        doc="Tags of statsd metrics, with commas, in the form of dogstatsd.",
    )
    enable_backlog_metric: bool = option(
        "--enable-backlog-metric",
        default=False,
        reload="logs",
        doc="Send the number of connections that wait to be accepted (Linux).",
    )
