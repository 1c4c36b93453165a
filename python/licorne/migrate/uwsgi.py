"""uWSGI: its options, in files and on command lines."""

from __future__ import annotations

import os
import re

from licorne import cgroup
from licorne.config.settings import OPTIONS
from licorne.migrate import lines, uwsgi_files, values
from licorne.migrate.rows import Given, Left, Row, no, none, on, same
from licorne.migrate.words import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.migrate.rows import Draft, Table
    from licorne.migrate.words import Command

_ALWAYS = "always so."
_MASTER = "there always is a master."
_BUFFER = "a head is bounded by `limit_request_line`, `limit_request_fields` and their sizes."
_STATIC = "the proxy in front, or the application (whitenoise), serves files."
_ROUTING = "routing is the proxy's, or the application's."
_OTHERS = "cron, spooler, mules and daemons are programs of their own, under a service manager."
_LAZY = "workers load the application after the fork unless `preload_app` says otherwise."
_LOG = 'the log has one form; `log_format = "json"` and `access_log_format` choose others.'
_TUNING = "the engine waits on all sockets without it."
_STATS = "`licornectl top`, and `metrics_bind` for Prometheus, tell what the workers do."
_CHEAPER = "the number of workers is fixed; `licornectl worker add` changes it."
_VENV = "run the licorne of that virtual environment: PATH/bin/licorne."
_EMPEROR = "each application is a service of its own (systemd: licorne@.service)."
_CACHE = "caching is the application's."


def _spoken(value: object) -> str:
    return values.address(str(value).partition(",")[0])


def _application(value: object) -> str:
    word = values.text(value)
    if word.startswith("/") or word.endswith(".py"):
        return values.module_path(word)
    return word.replace("/", ".")


#: By the long names. uWSGI takes the options of a command line and those of a file alike.
TABLE: Table = {
    "http": Row("bind", _spoken),
    "http-socket": Row("bind", _spoken),
    "socket": Row(":socket", values.address),
    "uwsgi-socket": Row(":socket", values.address),
    "https": none("let the proxy in front speak TLS, or see certfile."),
    "http-to": none(_ROUTING),
    "protocol": none("licorne speaks HTTP; let the proxy speak it, too (nginx: proxy_pass)."),
    "module": Row(":module", _application),
    "wsgi": Row(":module", _application),
    "wsgi-file": Row(":module", _application),
    "file": Row(":module", _application),
    "callable": Row(":callable", values.text),
    "mount": none(
        "serve one application, which may join others (werkzeug's DispatcherMiddleware)."
    ),
    "manage-script-name": none("SCRIPT_NAME of a trusted proxy is used: see forwarder_headers."),
    "processes": Row("workers", values.number),
    "workers": Row("workers", values.number),
    "threads": Row("threads", values.number),
    "gevent": Row(":gevent", values.number),
    "async": none("choose a worker type: gevent, or asgi."),
    "asyncio": none('serve an ASGI application, with worker_class = "asgi".'),
    "ugreen": none("choose a worker type: gevent."),
    "gevent-monkey-patch": no("the gevent worker does it."),
    "gevent-early-monkey-patch": no("the gevent worker does it."),
    "harakiri": Row("request_timeout", values.number, "answered 504, and the worker is replaced"),
    "http-timeout": Row("write_timeout", values.number),
    "socket-timeout": Row("body_timeout", values.number, "between two parts of a body"),
    "harakiri-graceful-timeout": none("a request over its time is answered 504 at once."),
    "harakiri-verbose": no("the log always shows the request and its stack."),
    "worker-reload-mercy": Row("graceful_timeout", values.number),
    "reload-mercy": Row("graceful_timeout", values.number),
    "max-requests": Row("max_requests", values.number, "the replacement is ready first"),
    "max-requests-delta": Row("max_requests_jitter", values.number),
    "max-worker-lifetime": Row("worker_max_age", values.number),
    "max-worker-lifetime-delta": none("workers are replaced one at a time anyway."),
    "min-worker-lifetime": none("a worker that ends early is replaced more and more slowly."),
    "reload-on-rss": Row("max_worker_memory", values.mebibytes),
    "evil-reload-on-rss": Row("max_worker_memory", values.mebibytes),
    "reload-on-as": none("address space is no memory: `max_worker_memory` counts what is used."),
    "limit-as": none("the cgroup bounds memory; `max_worker_memory` replaces a worker."),
    "limit-post": Row("limit_request_body", values.number),
    "buffer-size": none(_BUFFER),
    "post-buffering": none(
        "bodies are always complete before the application runs; `body_buffer_size` bounds memory."
    ),
    "post-buffering-bufsize": none("bodies are always complete before the application runs."),
    "chunked-input-limit": none("`limit_request_body` bounds bodies, chunked or not."),
    "http-keepalive": Row("keepalive", values.number),
    "add-header": none("the application, or the proxy in front, adds fields."),
    "listen": Row("backlog", values.number),
    "reuse-port": Row("reuse_port", values.switch, switch=True),
    "so-keepalive": no("set net.ipv4.tcp_keepalive_time; idle connections end by `keepalive`."),
    "chdir": same("chdir"),
    "pythonpath": Row(":pythonpath", values.text),
    "pp": Row(":pythonpath", values.text),
    "virtualenv": none(_VENV),
    "home": none(_VENV),
    "venv": none(_VENV),
    "pyhome": none(_VENV),
    "uid": same("user"),
    "gid": same("group"),
    "umask": same("umask"),
    "env": Row("raw_env"),
    "chmod-socket": Row(
        "umask",
        lambda mode: f"0{0o777 & ~int(values.text(mode) or '666', 8):o}",
        "the bits that a unix socket does not get; it holds for new files, too",
    ),
    "chown-socket": none("the socket belongs to user and group."),
    "pidfile": same("pidfile"),
    "safe-pidfile": same("pidfile"),
    "pidfile2": same("pidfile"),
    "daemonize": Row(":daemonize", values.text),
    "daemonize2": Row(":daemonize", values.text),
    "logto": Row("errorlog", values.text),
    "logto2": Row("errorlog", values.text),
    "req-logger": Row("accesslog", lambda value: values.text(value).partition("file:")[2] or "-"),
    "logger": Row("errorlog", lambda value: values.text(value).partition("file:")[2] or "-"),
    "disable-logging": no("licorne writes no access log unless `accesslog` says where."),
    "log-format": none(_LOG),
    "logformat": none(_LOG),
    "log-syslog": on("syslog"),
    "log-master": no(_MASTER),
    "procname": same("proc_name"),
    "procname-prefix": same("proc_name"),
    "procname-prefix-spaced": same("proc_name"),
    "py-autoreload": Row("reload", lambda value: str(value) not in {"0", "false", "False"}),
    "python-autoreload": Row("reload", lambda value: str(value) not in {"0", "false", "False"}),
    "memory-report": no(_STATS),
    **{form: Row(f":{form}", values.text) for form in uwsgi_files.NAMED},
    "master": Row("", None, _MASTER, switch=True),
    "enable-threads": no("threads always run."),
    "single-interpreter": no(_ALWAYS),
    "need-app": no(_ALWAYS),
    "vacuum": no(_ALWAYS),
    "die-on-term": no(_ALWAYS),
    "strict": no("a setting that does not exist is always refused."),
    "lazy-apps": no(_LAZY),
    "lazy": no(_LAZY),
    "thunder-lock": no(_TUNING),
    "no-orphans": no("workers end with their master."),
    "auto-procname": no("processes are named when setproctitle is installed."),
    "show-config": no("say `licorne --print-config`."),
    "plugin": none("nothing is needed: the interpreter is the one that runs licorne."),
    "plugins": none("nothing is needed: the interpreter is the one that runs licorne."),
    "exit-on-reload": no("a reload keeps the master."),
    "ignore-sigpipe": no(_ALWAYS),
    "ignore-write-errors": no("a client that leaves is no error."),
    "disable-write-exception": no("a client that leaves raises nothing in a WSGI application."),
    "offload-threads": none(_TUNING),
    "check-static": none(_STATIC),
    "collect-header": none(_ROUTING),
    "http-auto-chunked": no("the framing follows from the response."),
    "http-auto-gzip": no("the proxy in front compresses."),
    "http-websockets": no("WebSocket needs no switch."),
    "http-chunked-input": no("chunked bodies are always read."),
    "http-raw-body": no("chunked bodies are always read."),
    "http-processes": none(_TUNING),
    "idle": none(_CHEAPER),
    "smart-attach-daemon": none(_OTHERS),
    "log-x-forwarded-for": Row("client_address", lambda _: "x-forwarded-for", switch=True),
    "cpu-affinity": none("the kernel spreads the workers."),
    "ip": none(_ROUTING),
    "close-on-exec": no(_ALWAYS),
    "optimize": none("run Python with -O: python -O -m licorne."),
    "python-path": Row(":pythonpath", values.text),
    "pyargv": none("sys.argv is licorne's own."),
}
#: Options by the beginning of their names, for those that have no row.
FAMILIES = {
    "attach-": _OTHERS,
    "cache": _CACHE,
    "cheaper": _CHEAPER,
    "cron": _OTHERS,
    "emperor": _EMPEROR,
    "exec-": "programs before the start are the service's (systemd: ExecStartPre=).",
    "hook-": "hooks are functions of a licorne.conf.py; TERM is graceful.",
    "log-": _LOG,
    "mule": _OTHERS,
    "route": _ROUTING,
    "spooler": _OTHERS,
    "static-": _STATIC,
    "stats": _STATS,
    "touch-": "`licornectl reload`, or HUP, loads the code anew, one worker after the other.",
    "vassal": _EMPEROR,
}
SHORT = {
    "-C": "--chmod-socket", "-H": "--home", "-L": "--disable-logging", "-M": "--master",
    "-R": "--max-requests", "-T": "--enable-threads", "-b": "--buffer-size", "-d": "--daemonize",
    "-i": "--single-interpreter", "-l": "--listen", "-p": "--processes", "-s": "--socket",
    "-t": "--harakiri", "-w": "--module", "-z": "--socket-timeout",
}  # fmt: skip
_FLAGS = {f"--{name}": row for name, row in TABLE.items()}
_LOGIC = re.compile(r"if-[a-z]+|for|for-[a-z]+|end(if|for)?|print|exit")


def read(draft: Draft, command: Command) -> None:
    """Take a command line over, and the files that it names."""
    given, others = options(command.words, _FLAGS, SHORT, command.where)
    named = {f"--{form}" for form in uwsgi_files.NAMED}
    endings = tuple(f".{form}" for form in uwsgi_files.NAMED)
    files = [str(each.value) for each in given if each.name in named]
    files += [each for each in others if each.endswith(endings)]
    for word in others:
        if not word.endswith(endings):
            draft.unknown.append(Left(Given(word, "", command.where), "this is no option."))
    for file in files:
        if draft.reads(file, command.where):
            _apply(draft, _options(file))
    plain = [each._replace(name=each.name.removeprefix("--")) for each in given]
    plain += [Given("env", variable, command.where) for variable in command.variables]
    _apply(draft, [each for each in plain if each.name not in uwsgi_files.NAMED])
    _finish(draft)


def read_file(draft: Draft, path: str) -> None:
    """Take a file over."""
    _apply(draft, _options(path))
    _finish(draft)


def _apply(draft: Draft, given: list[Given]) -> None:
    for each in given:
        row = _row(each.name)
        if _LOGIC.fullmatch(each.name):
            reason = "the logic of ini files is not followed: write what holds."
            draft.left.append(Left(each, reason))
            continue
        if row is not None and row.switch and values.text(each.value).lower() in values.FALSE:
            # `vacuum = false` asks for nothing.
            continue
        # In a file, what is a flag on a command line has a value.
        draft.apply(TABLE if row is None else {each.name: row}, [each])


def _row(name: str) -> Row | None:
    family = next((why for start, why in FAMILIES.items() if name.startswith(start)), None)
    return TABLE.get(name) or (None if family is None else none(family))


def _options(path: str) -> list[Given]:
    """The options of a file, placeholders filled in."""
    given: list[Given] = []
    variables: dict[str, str] = {}
    text = lines.read(path)
    placeholders = set(re.findall(r"%\(([\w.-]+)", text))
    for line in uwsgi_files.read(path, text):
        name, filled = line.name, _filled(line.value, variables, path)
        if name in {"set", "set-placeholder", "set-ph"}:
            name, _, filled = (part.strip() for part in filled.partition("="))
        variables[name] = filled
        # Names of the file's own are placeholders.
        key = name.replace("_", "-")
        if _row(key) is not None or name not in placeholders:
            given.append(Given(key, filled or "true", f"{path}:{line.number}"))
    return given


def _filled(value: str, variables: dict[str, str], path: str) -> str:
    """`%(name)`, `%(name * 2)`, `%k` (processors), `%d` (folder), `%n` (file); `$(NAME)` stays."""
    folder, file = os.path.split(os.path.abspath(path))
    magic = {
        "%": "%", "d": folder + "/", "n": os.path.splitext(file)[0], "s": file, "p": path,
        "k": str(cgroup.processors()), "v": os.getcwd(), "c": os.path.basename(folder),
    }  # fmt: skip

    def placeholder(match: re.Match[str]) -> str:
        if (letter := match["letter"]) is not None:
            return magic.get(letter, match[0])
        name, operator, amount = match["name"], match["operator"], match["amount"]
        found = variables.get(name) or magic.get(name.removeprefix("%"), match[0])
        if operator and found.isdigit():
            number, other = int(found), int(amount)
            results = {"+": number + other, "-": number - other, "*": number * other}
            return str(results.get(operator, number // other if other else number))
        return found

    return re.sub(
        r"%\((?P<name>%?[\w.-]+)\s*(?:(?P<operator>[-+*/])\s*(?P<amount>\d+))?\)"
        r"|%(?P<letter>[%dnspkvc])",
        placeholder,
        value,
    )


def _finish(draft: Draft) -> None:
    """Join what belongs together: the application, its address, where the log goes."""
    _application_of(draft)
    _socket(draft)
    if (gevent := draft.parts.get("gevent")) is not None:
        draft.keep("worker_class", "gevent", gevent)
        draft.keep("worker_connections", gevent.value, gevent)
    if (path := draft.parts.get("pythonpath")) is not None:
        draft.keep("pythonpath", path.value, path)
    if (log := draft.parts.get("daemonize")) is not None:
        draft.keep("daemon", True, log, "under a service manager, leave this out")
        draft.keep("errorlog", log.value, log)


def _application_of(draft: Draft) -> None:
    module = draft.parts.get("module")
    if module is None:
        draft.note("No application was named: set wsgi_app to MODULE:NAME.")
        return
    name = str(module.value)
    called = draft.part("callable")
    if called is not None and ":" not in name:
        name = f"{name}:{called}"
    draft.keep("wsgi_app", name, module)


def _socket(draft: Draft) -> None:
    """The uwsgi protocol's address: with licorne, the proxy speaks HTTP there."""
    given = draft.parts.get("socket")
    if given is None:
        return
    if "bind" in draft.kept:
        draft.left.append(Left(given, "licorne speaks HTTP at every address of `bind`."))
        return
    if OPTIONS["protocol"].later:
        remark = "HTTP: in nginx, proxy_pass in place of uwsgi_pass"
        draft.keep("bind", [given.value], given, remark)
    else:
        draft.keep("bind", [given.value], given)
        draft.keep("protocol", "uwsgi", given, "as the proxy speaks; without it, HTTP")
