"""NGINX Unit: its configuration, JSON in which comments are allowed."""

from __future__ import annotations

import json
import re

from licorne.errors import ConfigError
from licorne.migrate import lines, values
from licorne.migrate.rows import Given, Left, Row, none, same, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.migrate.rows import Draft, Table

    Json = dict[str, object]

#: Outside of strings.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
#: A template's variable in the place of a number: kept as a text, which names it.
_UNQUOTED = re.compile(r"(:\s*)(\$\{?\w+\}?)(?=\s*[,}\]\n])")
_ROUTES = "routing and static files are the proxy's, or the application's."
_NAMESPACES = "the container, or the service manager (systemd), isolates the server."


def _workers(value: object) -> int:
    if isinstance(value, dict):
        return values.number(value.get("max", 1))
    return values.number(value)


def _paths(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else values.text(value)


def _protocol(value: object) -> str:
    return {"asgi": "asgi", "wsgi": "sync"}[values.text(value)]


def _client(value: object) -> str:
    name = values.text(value).lower()
    if name not in {"x-forwarded-for", "forwarded"}:
        raise ValueError(
            "`client_address` reads X-Forwarded-For or Forwarded: let the proxy set one."
        )
    return name


def _environment(value: object) -> list[str]:
    if not isinstance(value, dict):
        raise TypeError("an object is wanted")
    return [f"{name}={content}" for name, content in value.items()]


#: Keys by their paths below an application, a listener, or the whole.
APPLICATION: Table = {
    "type": Row(":type", values.text),
    "module": Row(":module", values.text),
    "callable": Row(":callable", values.text),
    "factory": Row(":factory", values.switch),
    "protocol": Row("worker_class", _protocol),
    "processes": Row("workers", _workers),
    "threads": Row("threads", values.number, "of `gthread`"),
    "thread_stack_size": none("the system's size of stacks holds: ulimit -s."),
    "path": Row("pythonpath", _paths),
    "working_directory": same("chdir"),
    "home": none("run the licorne of that virtual environment: PATH/bin/licorne."),
    "user": same("user"),
    "group": same("group"),
    "environment": Row("raw_env", _environment),
    "prefix": Row("root_path", values.text, "WSGI applications get theirs from SCRIPT_NAME"),
    "targets": none("serve one application, or one licorne for each target."),
    "limits/timeout": Row("request_timeout", values.seconds, "answered 504"),
    "limits/requests": Row("max_requests", values.number, "the replacement is ready first"),
    "isolation": none(_NAMESPACES),
    "stdout": none("standard output goes where the service manager sends it."),
    "stderr": same("errorlog"),
}
LISTENER: Table = {
    "pass": Row(":pass", values.text),
    "backlog": Row("backlog", values.number),
    "tls": none("let the proxy in front speak TLS, or see certfile and keyfile."),
    "forwarded/source": Row("forwarded_allow_ips", lambda value: value),
    "forwarded/client_ip": Row("client_address", _client),
    "forwarded/protocol": none("`secure_scheme_headers` says which fields mean https."),
    "forwarded/recursive": none("always so: the first address that is not trusted counts."),
    "client_ip/source": Row("forwarded_allow_ips", lambda value: value),
    "client_ip/header": Row("client_address", _client),
    "client_ip/recursive": none("always so: the first address that is not trusted counts."),
}
WHOLE: Table = {
    "settings/http/header_read_timeout": Row("header_timeout", values.seconds),
    "settings/http/body_read_timeout": Row("body_timeout", values.seconds),
    "settings/http/send_timeout": Row("write_timeout", values.seconds),
    "settings/http/idle_timeout": Row("keepalive", values.whole_seconds),
    "settings/http/max_body_size": Row("limit_request_body", values.number),
    "settings/http/body_temp_path": same("tmp_upload_dir"),
    "settings/http/body_buffer_size": Row("body_buffer_size", values.number),
    "settings/http/large_header_buffer_size": Row("limit_request_field_size", values.number),
    "settings/http/discard_unsafe_fields": none("`header_map` says what becomes of them."),
    "settings/http/server_version": none("the Server field is always sent."),
    "settings/http/log_route": none("there are no routes."),
    "settings/http/static": none(_ROUTES),
    "settings/http/chunked_transform": none("chunked bodies are always taken apart."),
    "settings/http/websocket": none("see websocket_ping_interval, websocket_max_message_size."),
    "settings/listen_threads": none("workers accept themselves."),
    "settings/telemetry": none("spans are the application's (OpenTelemetry)."),
    "access_log": Row("accesslog", values.text),
    "access_log/path": Row("accesslog", values.text),
    "access_log/format": none("`access_log_format` has gunicorn's atoms: docs/logging.md."),
    "access_log/if": none("`access_log_exclude` leaves paths and statuses out."),
    "routes": none(_ROUTES),
    "upstreams": none("sharing requests between servers is the proxy's."),
    "certificates": none("see certfile and keyfile."),
    "js_modules": none("njs is Unit's: let the application decide."),
    "status": none("`licornectl status` and `metrics_bind` tell it."),
}


class Document:
    """A configuration, and the lines of its keys."""

    def __init__(self, path: str) -> None:
        self.path = path
        # As long as before, so that lines stay where they are.
        self.text = _COMMENT.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), lines.read(path))
        self.text = _UNQUOTED.sub(r'\1"\2"', self.text)
        try:
            content = json.loads(self.text)
        except ValueError as error:
            raise ConfigError(f"Cannot read {path!r} as JSON: {error}") from error
        if not isinstance(content, dict):
            raise ConfigError(f"Cannot read {path!r}: Unit's configuration is an object.")
        inner = content.get("config")
        # `GET /` of the control interface has it inside of an object.
        self.content: Json = inner if isinstance(inner, dict) else content

    def where(self, *keys: str) -> str:
        """File and line of a key, looked for behind those that it lies in."""
        at = 0
        for key in keys:
            found = re.compile(rf"{re.escape(json.dumps(key))}\s*:").search(self.text, at)
            at = at if found is None else found.start()
        return f"{self.path}:{self.text.count(chr(10), 0, at) + 1}"

    def part(self, name: str) -> Json:
        """An object of the configuration; an empty one if it is not there."""
        found = self.content.get(name)
        return found if isinstance(found, dict) else {}


def read_file(draft: Draft, path: str, chosen: str = "") -> None:
    """Take one application of a configuration over: the named one, else the first of Python."""
    document = Document(path)
    applications = {
        name: each
        for name, each in document.part("applications").items()
        if isinstance(each, dict) and str(each.get("type", "")).startswith("python")
    }
    name = chosen or next(iter(applications), "")
    if name not in applications:
        others = ", ".join(applications) or "none"
        raise ConfigError(f"{path} has no Python application {name!r}: there are {others}.")
    for other in document.part("applications"):
        if other != name:
            draft.note(f"The application {other} is left out: `--app {other}` takes it.")
    _listeners(draft, document, name, alone=len(applications) == 1)
    top = ("applications", name)
    _take(draft, document, APPLICATION, applications[name], top)
    rest = {k: v for k, v in document.content.items() if k not in {"listeners", "applications"}}
    _take(draft, document, WHOLE, rest, ())
    _application(draft, document, name)


def _listeners(draft: Draft, document: Document, name: str, *, alone: bool) -> None:
    wanted = f"applications/{name}"
    for address, found in document.part("listeners").items():
        listener: Json = found if isinstance(found, dict) else {}
        target = str(listener.get("pass", ""))
        given = Given(f"listeners/{address}", target, document.where("listeners", address))
        routed = target.startswith("routes") and alone
        if target.split("/")[:2] == wanted.split("/") or routed:
            draft.keep("bind", [values.address(address)], given)
            inner = {key: each for key, each in listener.items() if key != "pass"}
            _take(draft, document, LISTENER, inner, ("listeners", address))
        else:
            reason = f"it leads to {target or 'nothing'}, not to {wanted}: {_ROUTES}"
            draft.left.append(Left(given, reason))


def _take(
    draft: Draft, document: Document, table: Table, content: Json, top: tuple[str, ...]
) -> None:
    for keys, value in _leaves(table, content, ()):
        given = Given("/".join((*top, *keys)), value, document.where(*top, *keys))
        row = table.get("/".join(keys))
        if row is None:
            draft.unknown.append(Left(given, unknown("/".join(keys), table)))
        else:
            draft.take(row, given)


def _leaves(
    table: Table, content: Json, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object]]:
    """The keys that the table knows, and those that have nothing below them."""
    for key, value in content.items():
        keys = (*above, key)
        path = "/".join(keys)
        inner = any(each.startswith(f"{path}/") for each in table)
        if isinstance(value, dict) and inner:
            yield from _leaves(table, value, keys)
        else:
            yield keys, value


def _application(draft: Draft, document: Document, name: str) -> None:
    module = draft.parts.get("module")
    if module is None:
        draft.note(f"The application {name} has no module: set wsgi_app to MODULE:NAME.")
        return
    called = str(draft.part("callable", "application"))
    called += "()" if draft.part("factory") else ""
    where = document.where("applications", name, "module")
    draft.keep("wsgi_app", f"{module.value}:{called}", Given(module.name, module.value, where))
