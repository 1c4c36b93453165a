"""gunicorn: its configuration file, which is executed as gunicorn does, and its command line.

Its settings are licorne's, so the table lists only those that mean something else here.
"""

from __future__ import annotations

import os

from licorne import aliases
from licorne.config import cli, sources, tomltext
from licorne.config.settings import OPTIONS
from licorne.migrate import asgi, lines, values
from licorne.migrate.rows import Given, Left, Row, none, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from licorne.migrate.rows import Draft, Table
    from licorne.migrate.words import Command

_ONE_PARSER = "there is one parser, the native one."
TABLE: Table = {
    "worker_tmp_dir": none(
        "there are no heartbeat files. In licorne it is the folder of large request bodies, which "
        "a folder in memory such as /dev/shm should not be."
    ),
    "http_parser": none(_ONE_PARSER),
    "ssl_version": none("the hook ssl_context chooses versions."),
    "suppress_ragged_eofs": none("always so."),
    "do_handshake_on_connect": none("the handshake never holds a thread."),
    "check_config": none("say `licorne --check-config`."),
    "print_config": none("say `licorne --print-config`."),
}
_ASGI = "licorne's own; `-k uvicorn_worker.UvicornWorker` still runs uvicorn's"


class _Parser(cli.Parser):
    """gunicorn's flags; what is wrong with them is an error of the command line."""

    def error(self, message: str) -> NoReturn:
        """What argparse does not understand."""
        raise ValueError(message)


def read_file(draft: Draft, path: str) -> None:
    """Take a configuration file over."""
    aliases.install()
    content = sources.of_file(path)
    assigned = lines.Assigned(path) if path.endswith(".py") else None
    hooks: list[str] = []
    for name, value in content.items():
        given = Given(name, value, assigned.where(name) if assigned else path)
        if OPTIONS[name].type.startswith("Hook"):
            hooks.append(f"{name} ({given.where})")
        else:
            computed = assigned.computed(name) if assigned else ""
            _take(draft, given, f"computed here and now: {computed}" if computed else "")
    if hooks:
        _keep_hooks(draft, path, hooks)


def _keep_hooks(draft: Draft, path: str, hooks: list[str]) -> None:
    draft.note(f"Functions stay in Python: {', '.join(hooks)}.")
    file = os.path.basename(path)
    if file in sources.DEFAULT_FILES:
        draft.note(
            f"Keep {file}, with these functions alone, beside licorne.toml: both are read, and "
            "licorne.toml wins."
        )
    else:
        draft.note(
            f"Keep them in a file called licorne.conf.py beside licorne.toml, which is read too: "
            f"a file that `-c {file}` names is read alone."
        )
    draft.note('Or name one that can be imported: post_fork = "package.module.function".')


def _take(draft: Draft, given: Given, remark: str) -> None:
    row = TABLE.get(given.name) or same(given.name, remark)
    value = given.value
    if value is None or (isinstance(value, str) and not value):
        return
    if isinstance(value, type):
        value = f"{value.__module__}.{value.__qualname__}"
        if value.startswith(f"{sources.MODULE_NAME}."):
            draft.left.append(Left(given, "the class is written in the file: put it in a module."))
            return
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    if given.name == "worker_class" and values.ASGI_WORKERS.fullmatch(str(value)):
        row, value = Row("worker_class", lambda _: "asgi", _ASGI), str(value)
    try:
        tomltext.written(value)
    except ValueError:
        where = "keep it in the Python file"
        draft.left.append(Left(given, f"TOML has no form for this value: {where}."))
        return
    draft.take(row, given._replace(value=value), literal=True)


def read(draft: Draft, command: Command) -> None:
    """Take a command line over, and the file that it names; the flags win."""
    parser = _Parser(prog="gunicorn", add_help=False, allow_abbrev=True)
    parser.add_argument("args", nargs="*")
    for option in OPTIONS.values():
        cli.add_flag(parser, option)
    known, unknown = parser.parse_known_args(_without_variables(draft, command))
    given = _given(known)
    location = given.pop("config", None)
    if location is not None:
        _read_named(draft, str(location), command.where)
    for name, value in given.items():
        draft.kept.pop(name, None)
        _take(draft, Given(name, value, command.where), "")
    for word in unknown:
        draft.unknown.append(Left(Given(word, "", command.where), "gunicorn has no such flag."))
    asgi.variables(draft, command, "", {})
    apps: list[str] = known.args
    if apps and "$" not in apps[0]:
        draft.keep("wsgi_app", apps[0], Given("the application", apps[0], command.where))
    elif "wsgi_app" not in draft.kept:
        draft.note("No application was named: set wsgi_app to MODULE:NAME.")


def _without_variables(draft: Draft, command: Command) -> list[str]:
    """The words, without options whose value only a shell can tell."""
    kept: list[str] = []
    flags = {flag: option for option in OPTIONS.values() for flag in option.flags}
    for word in command.words:
        name, equals, value = word.partition("=")
        before = kept[-1] if kept else ""
        if "$" in word and (option := flags.get(name if equals else before)) is not None:
            if not equals:
                kept.pop()
            draft.take(same(option.name), Given(option.flags[-1], value or word, command.where))
        else:
            kept.append(word)
    return kept


def _given(parsed: Namespace) -> dict[str, object]:
    return {
        name: value for name, value in vars(parsed).items() if value is not None and name in OPTIONS
    }


def _read_named(draft: Draft, location: str, where: str) -> None:
    if location.startswith(sources.MODULE):
        draft.note(f"{location} is a module of Python: migrate its file on its own.")
        return
    path = location.removeprefix("file:")
    if draft.reads(path, where):
        read_file(draft, path)
