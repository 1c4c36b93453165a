"""uvicorn: its command line, and variables `UVICORN_<NAME>` before it."""

from __future__ import annotations

from licorne.migrate import asgi, values
from licorne.migrate.rows import NO_PASSWORD, Given, Row, if_known, no, none, on, same
from licorne.migrate.words import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.migrate.rows import Draft, Table
    from licorne.migrate.words import Command

SHORT = {"-h": "--host", "-p": "--port"}
TABLE: Table = {
    "--host": Row(":host", values.text),
    "--port": Row(":port", values.text),
    "--uds": Row("bind", lambda path: f"unix:{path}"),
    "--fd": Row("bind", lambda number: f"fd://{number}"),
    "--reload": on("reload"),
    "--reload-dir": none(
        "every module that the application has imported is watched; `reload_extra_files` takes "
        "patterns of other files."
    ),
    "--reload-include": Row("reload_extra_files"),
    "--reload-exclude": none("only files that the application has loaded are watched."),
    "--reload-delay": none("changes are told by the kernel, or looked for once a second."),
    "--workers": same("workers"),
    "--loop": Row("asgi_loop", values.loop),
    "--http": none("there is one parser, the native one."),
    "--http2": Row("http_protocols", lambda _: ["h2", "h1"], switch=True),
    "--ws": none("there is one implementation of WebSocket, the native one."),
    "--ws-max-size": same("websocket_max_message_size"),
    "--ws-max-queue": none("the queue is bounded by count and bytes, then nothing is read."),
    "--ws-ping-interval": same("websocket_ping_interval"),
    "--ws-ping-timeout": same("websocket_ping_timeout"),
    "--ws-per-message-deflate": Row("websocket_compression", values.switch),
    "--lifespan": same("asgi_lifespan"),
    "--interface": Row("worker_class", asgi.interface),
    "--env-file": none(
        "the service manager sets variables (systemd: EnvironmentFile=), or `raw_env` here."
    ),
    "--log-config": Row(":log_config", values.text),
    "--log-level": Row("loglevel", values.level),
    "--access-log": Row("accesslog", lambda _: "-", switch=True),
    "--no-access-log": no("licorne writes no access log unless `accesslog` says where."),
    "--use-colors": no("the log has no colours."),
    "--no-use-colors": no("the log has no colours."),
    "--proxy-headers": no("`forwarded_allow_ips` decides alone; an asgi worker does this always."),
    "--no-proxy-headers": Row("client_address", lambda _: "peer", switch=True),
    "--server-header": no("the Server field is always sent."),
    "--no-server-header": no("the Server field is always sent; the proxy in front can drop it."),
    "--date-header": no("RFC 9110 section 6.6.1 wants a Date of every server with a clock."),
    "--no-date-header": no("RFC 9110 section 6.6.1 wants a Date of every server with a clock."),
    "--forwarded-allow-ips": same("forwarded_allow_ips"),
    "--root-path": same("root_path"),
    "--limit-concurrency": same(
        "limit_concurrency", "counts requests, not connections, in each worker"
    ),
    "--backlog": same("backlog"),
    "--limit-max-requests": same("max_requests", "the replacement is ready first"),
    "--limit-max-requests-jitter": same("max_requests_jitter"),
    "--timeout-keep-alive": same("keepalive"),
    "--timeout-graceful-shutdown": same("graceful_timeout"),
    "--timeout-worker-healthcheck": same("timeout"),
    "--ssl-keyfile": same("keyfile"),
    "--ssl-certfile": same("certfile"),
    "--ssl-keyfile-password": if_known("keyfile_password", NO_PASSWORD),
    "--ssl-version": none("the hook ssl_context chooses versions."),
    "--ssl-cert-reqs": same("cert_reqs"),
    "--ssl-ca-certs": same("ca_certs"),
    "--ssl-ciphers": same("ciphers"),
    "--header": none("the application, or the proxy in front, adds fields."),
    "--app-dir": Row(":app_dir", values.text),
    "--h11-max-incomplete-event-size": none(
        "a head is bounded by `limit_request_line`, `limit_request_fields` and "
        "`limit_request_field_size`."
    ),
    "--reset-contextvars": no("always so: no request sees what another one has set."),
    "--factory": Row(":factory", lambda _: True, switch=True),
}


def read(draft: Draft, command: Command) -> None:
    """Take the command line over."""
    asgi.variables(draft, command, "UVICORN_", TABLE)
    given, others = options(command.words, TABLE, SHORT, command.where)
    draft.apply(TABLE, given)
    asgi.application(draft, others, command.where)
    asgi.address(draft, "127.0.0.1", "8000")
    asgi.logging(draft)
    if draft.part("app_dir") not in {None, "", "."}:
        draft.keep("pythonpath", draft.part("app_dir"), draft.parts["app_dir"])
    if not any(given.name.endswith("access-log") for given in given):
        draft.keep("accesslog", "-", Given("the access log", "-", "uvicorn's default"))
