"""granian: its command line, and variables `GRANIAN_<NAME>` before it."""

from __future__ import annotations

from licorne.migrate import asgi, values
from licorne.migrate.rows import NO_PASSWORD, Given, Row, if_known, no, none, on, same
from licorne.migrate.words import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.migrate.rows import Draft, Table
    from licorne.migrate.words import Command

_STATIC = "the proxy in front, or the application (whitenoise), serves files."
_RUNTIME = "the engine has one thread of its own in a worker, and needs no numbers."
_WATCHED = "only files that the application has loaded are watched."
_HTTP2 = "HTTP/2 has no such setting here."
TABLE: Table = {
    "--host": Row(":host", values.text),
    "--port": Row(":port", values.text),
    "--uds": Row("bind", lambda path: f"unix:{path}"),
    "--uds-permissions": Row(
        "umask",
        lambda mode: f"0{0o777 & ~int(values.text(mode), 8):o}",
        "the bits that a unix socket does not get; it holds for new files, too",
    ),
    "--interface": Row("worker_class", asgi.interface),
    "--http": none("`http_protocols` chooses."),
    "--ws": no("WebSocket is always spoken."),
    "--no-ws": no("WebSocket is always spoken; the application refuses what it does not want."),
    "--workers": same("workers"),
    "--blocking-threads": Row("threads", None, "WSGI only"),
    "--blocking-threads-idle-timeout": none("threads of a worker stay."),
    "--runtime-threads": none(_RUNTIME),
    "--runtime-blocking-threads": none(_RUNTIME),
    "--runtime-mode": none(_RUNTIME),
    "--loop": Row("asgi_loop", values.loop),
    "--task-impl": none("tasks are asyncio's own."),
    "--backlog": same("backlog"),
    "--backpressure": same("limit_concurrency", "for ASGI; what comes beyond is answered 503"),
    "--http1-buffer-size": none("buffers grow with what is in them."),
    "--http1-header-read-timeout": Row("header_timeout", values.milliseconds),
    "--http1-keep-alive": no("connections are kept, as `keepalive` says."),
    "--no-http1-keep-alive": Row("keepalive", lambda _: 0, switch=True),
    "--http1-pipeline-flush": no("always so: pipelined answers leave together."),
    "--no-http1-pipeline-flush": no("pipelined answers leave together."),
    "--http2-adaptive-window": no(_HTTP2),
    "--no-http2-adaptive-window": no(_HTTP2),
    "--http2-initial-connection-window-size": none(_HTTP2),
    "--http2-initial-stream-window-size": same("http2_initial_window_size"),
    "--http2-keep-alive-interval": none(_HTTP2),
    "--http2-keep-alive-timeout": none(_HTTP2),
    "--http2-max-concurrent-streams": same("http2_max_concurrent_streams"),
    "--http2-max-frame-size": same("http2_max_frame_size"),
    "--http2-max-headers-size": same("http2_max_header_list_size"),
    "--http2-max-send-buffer-size": none(_HTTP2),
    "--log": no("the log is always written; `errorlog` says where."),
    "--no-log": Row("errorlog", lambda _: "/dev/null", switch=True),
    "--log-level": Row("loglevel", values.level),
    "--log-config": Row(":log_config", values.text),
    "--access-log": Row("accesslog", lambda _: "-", switch=True),
    "--no-access-log": no("licorne writes no access log unless `accesslog` says where."),
    "--access-log-fmt": none("`access_log_format` has gunicorn's atoms: docs/logging.md."),
    "--ssl-certificate": same("certfile"),
    "--ssl-keyfile": same("keyfile"),
    "--ssl-keyfile-password": if_known("keyfile_password", NO_PASSWORD),
    "--ssl-protocol-min": none("the hook ssl_context chooses versions."),
    "--ssl-ca": same("ca_certs"),
    "--ssl-crl": none("the hook ssl_context loads lists of revoked certificates."),
    "--ssl-client-verify": Row("cert_reqs", lambda _: 2, switch=True),
    "--no-ssl-client-verify": no("clients need no certificate unless `cert_reqs` says so."),
    "--url-path-prefix": same("root_path"),
    "--respawn-failed-workers": no("a worker that dies is always replaced."),
    "--no-respawn-failed-workers": no("a worker that dies is always replaced."),
    "--respawn-interval": none("the replacement is started before the worker goes."),
    "--rss-sample-interval": none("the master chooses how often it looks."),
    "--rss-samples": none("two samples in a row count."),
    "--workers-lifetime": Row("worker_max_age", values.seconds),
    "--workers-max-rss": Row("max_worker_memory", values.mebibytes),
    "--workers-kill-timeout": Row("graceful_timeout", values.whole_seconds),
    "--factory": Row(":factory", lambda _: True, switch=True),
    "--no-factory": no("the name is served as it is."),
    "--working-dir": same("chdir"),
    "--env-files": none(
        "the service manager sets variables (systemd: EnvironmentFile=), or `raw_env` here."
    ),
    "--static-path-route": none(_STATIC),
    "--static-path-mount": none(_STATIC),
    "--static-path-dir-to-file": none(_STATIC),
    "--static-path-expires": none(_STATIC),
    "--metrics": Row(":metrics", lambda _: True, switch=True),
    "--no-metrics": no("there are no metrics unless `metrics_bind` says where."),
    "--metrics-scrape-interval": none("metrics are collected when they are asked for."),
    "--metrics-address": Row(":metrics_address", values.text),
    "--metrics-port": Row(":metrics_port", values.text),
    "--reload": on("reload"),
    "--no-reload": no("there is no reload unless `reload` says so."),
    "--reload-paths": none(
        "every module that the application has imported is watched; `reload_extra_files` takes "
        "patterns of other files."
    ),
    "--reload-ignore-dirs": none(_WATCHED),
    "--reload-ignore-patterns": none(_WATCHED),
    "--reload-ignore-paths": none(_WATCHED),
    "--reload-tick": none("changes are told by the kernel, or looked for once a second."),
    "--reload-ignore-worker-failure": no("always so: a traceback is shown until code loads."),
    "--no-reload-ignore-worker-failure": no("a traceback is shown until code loads."),
    "--process-name": same("proc_name"),
    "--pid-file": same("pidfile"),
}


def read(draft: Draft, command: Command) -> None:
    """Take the command line over."""
    asgi.variables(draft, command, "GRANIAN_", TABLE)
    given, others = options(command.words, TABLE, {}, command.where)
    draft.apply(TABLE, given)
    if "worker_class" not in draft.kept and not any(o.name == "--interface" for o in given):
        draft.note("granian was told no interface, and took RSGI: serve an ASGI or WSGI callable.")
    asgi.application(draft, others, command.where)
    asgi.address(draft, "127.0.0.1", "8000")
    asgi.logging(draft)
    if draft.part("metrics"):
        host, port = draft.part("metrics_address", "127.0.0.1"), draft.part("metrics_port", "9090")
        at = values.host_port(host, port)
        draft.keep("metrics_bind", at, Given("--metrics", at, command.where))
