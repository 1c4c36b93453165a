"""hypercorn: its command line, and its files, TOML and Python."""

from __future__ import annotations

from licorne.config.sources import executed
from licorne.config.toml import table as toml_table
from licorne.migrate import asgi, lines, values
from licorne.migrate.rows import NO_PASSWORD, Given, Row, if_known, none, on, same
from licorne.migrate.words import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.migrate.rows import Draft, Table
    from licorne.migrate.words import Command

_UDP = "HTTP/3 is not spoken here: let the proxy in front speak it."


def _loop(value: object) -> str:
    word = values.text(value)
    if word == "trio":
        raise ValueError("licorne runs asyncio's loops; trio applications need hypercorn.")
    return values.loop(word)


def _addresses(value: object) -> list[str]:
    many = value if isinstance(value, (list, tuple)) else [value]
    return [values.address(each) for each in many]


#: By the names of the files; the flags are those with dashes, but for `FLAGS`.
TABLE: Table = {
    "access_log_format": same("access_log_format", "the atoms are gunicorn's"),
    "accesslog": same("accesslog"),
    "alpn_protocols": none("`http_protocols` chooses."),
    "alt_svc_headers": none("the application, or the proxy in front, adds fields."),
    "application_path": same("wsgi_app"),
    "backlog": same("backlog"),
    "bind": Row("bind", _addresses),
    "ca_certs": same("ca_certs"),
    "cert_reqs": same("cert_reqs"),
    "certfile": same("certfile"),
    "ciphers": same("ciphers"),
    "daemon": Row("daemon", values.switch),
    "debug": none('set loglevel = "debug", or run Python with -X dev.'),
    "dogstatsd_tags": same("dogstatsd_tags"),
    "errorlog": same("errorlog"),
    "graceful_timeout": Row("graceful_timeout", values.whole_seconds),
    "group": same("group"),
    "h11_max_incomplete_size": none(
        "a head is bounded by `limit_request_line`, `limit_request_fields` and "
        "`limit_request_field_size`."
    ),
    "h11_pass_raw_headers": none("names of fields reach ASGI applications in lower case."),
    "h2_max_concurrent_streams": same("http2_max_concurrent_streams"),
    "h2_max_header_list_size": same("http2_max_header_list_size"),
    "h2_max_inbound_frame_size": same("http2_max_frame_size"),
    "include_date_header": none("RFC 9110 section 6.6.1 wants a Date of a server with a clock."),
    "include_server_header": none("the Server field is always sent."),
    "insecure_bind": none("all addresses of `bind` speak the same: serve a second licorne there."),
    "keep_alive_max_requests": none("a connection may be used as often as its client likes."),
    "keep_alive_timeout": Row("keepalive", values.whole_seconds),
    "keyfile": same("keyfile"),
    "keyfile_password": if_known("keyfile_password", NO_PASSWORD),
    "logconfig": Row(":log_config", lambda path: values.text(path).partition("json:")[2] or path),
    "logconfig_dict": same("logconfig_dict"),
    "logger_class": none("hypercorn's logger knows nothing of licorne: see logger_class."),
    "loglevel": Row("loglevel", values.level),
    "max_app_queue_size": none("what waits for an application is bounded by bytes."),
    "max_requests": same("max_requests", "the replacement is ready first"),
    "max_requests_jitter": same("max_requests_jitter"),
    "pid_path": same("pidfile"),
    "quic_bind": none(_UDP),
    "read_timeout": Row("body_timeout", values.seconds, "between two parts of a body"),
    "root_path": same("root_path"),
    "server_names": none("the proxy in front, or the application (ALLOWED_HOSTS), looks at Host."),
    "shutdown_timeout": Row("graceful_timeout", values.whole_seconds, "lifespan included"),
    "ssl_handshake_timeout": none("`header_timeout` bounds the time before a request."),
    "startup_timeout": Row("boot_timeout", values.seconds, "loading included"),
    "statsd_host": same("statsd_host"),
    "statsd_prefix": same("statsd_prefix"),
    "umask": same("umask"),
    "use_reloader": Row("reload", values.switch),
    "user": same("user"),
    "verify_flags": none("the hook ssl_context sets flags."),
    "verify_mode": none("`cert_reqs` says whether clients need a certificate: 0, 1 or 2."),
    "websocket_max_message_size": same("websocket_max_message_size"),
    "websocket_ping_interval": same("websocket_ping_interval"),
    "worker_class": Row("asgi_loop", _loop),
    "workers": same("workers"),
    "wsgi_max_body_size": same("limit_request_body"),
}
#: Flags that are called otherwise than the names in files, or that take no value.
FLAGS: Table = {
    "--access-log": TABLE["accesslog"],
    "--access-logfile": TABLE["accesslog"],
    "--access-logformat": TABLE["access_log_format"],
    "--daemon": on("daemon"),
    "--debug": TABLE["debug"]._replace(switch=True),
    "--error-log": TABLE["errorlog"],
    "--error-logfile": TABLE["errorlog"],
    "--keep-alive": TABLE["keep_alive_timeout"],
    "--log-config": TABLE["logconfig"],
    "--log-file": TABLE["errorlog"],
    "--log-level": TABLE["loglevel"],
    "--pid": TABLE["pid_path"],
    "--reload": on("reload"),
    "--server-name": TABLE["server_names"],
}
FLAGS |= {
    f"--{name.replace('_', '-')}": row
    for name, row in TABLE.items()
    if name not in {"daemon", "debug", "use_reloader"}
}
FLAGS["--config"] = Row(":config", values.text)
SHORT = {
    "-b": "--bind", "-c": "--config", "-D": "--daemon", "-g": "--group", "-k": "--worker-class",
    "-m": "--umask", "-p": "--pid", "-u": "--user", "-w": "--workers",
}  # fmt: skip


def read(draft: Draft, command: Command) -> None:
    """Take the command line over, and the file that it names; the flags win."""
    given, others = options(command.words, FLAGS, SHORT, command.where)
    for option in given:
        if option.name == "--config":
            _read_named(draft, str(option.value), command.where)
    asgi.variables(draft, command, "", FLAGS)
    named = {FLAGS[each.name].ours for each in given if each.name in FLAGS}
    for name in named & set(draft.kept):
        del draft.kept[name]
    draft.apply(FLAGS, [each for each in given if each.name != "--config"])
    asgi.application(draft, others, command.where)
    _finish(draft)


def _read_named(draft: Draft, location: str, where: str) -> None:
    if location.startswith("python:"):
        draft.note(f"{location} is a module of Python: migrate its file on its own.")
        return
    path = location.removeprefix("file:")
    if draft.reads(path, where):
        draft.apply(TABLE, settings(path), literal=True)


def read_file(draft: Draft, path: str) -> None:
    """Take a file over."""
    draft.apply(TABLE, settings(path), literal=True)
    _finish(draft)
    if "wsgi_app" not in draft.kept:
        draft.note("hypercorn's files name no application: set wsgi_app to MODULE:NAME.")


def settings(path: str) -> list[Given]:
    """What a file sets: TOML, or Python, with names of its own or a `Config` object."""
    if path.endswith(".py"):
        return lines.of_python(path, vars(executed(path)), set(TABLE), holder="config")
    return lines.of_toml(path, toml_table(path))


def _finish(draft: Draft) -> None:
    asgi.logging(draft)
