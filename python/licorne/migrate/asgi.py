"""What uvicorn, granian and hypercorn have in common: application, address, variables, logs."""

from __future__ import annotations

from licorne.migrate import values
from licorne.migrate.rows import Given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licorne.migrate.rows import Draft, Row
    from licorne.migrate.words import Command

#: `--interface`, and what serves it here.
_WORKERS = {"asgi": "asgi", "asgi3": "asgi", "asgi2": "asgi", "asginl": "asgi", "wsgi": "sync"}


def interface(value: object) -> str:
    """The kind of worker for an interface between server and application."""
    word = values.text(value).lower()
    if word == "auto":
        raise ValueError("not needed: the application is looked at.")
    if word not in _WORKERS:
        raise ValueError(f"the interface {word} is not spoken here: serve an ASGI or WSGI callable")
    return _WORKERS[word]


def variables(draft: Draft, command: Command, prefix: str, table: Mapping[str, Row]) -> None:
    """Variables before the command: the server's own are options, others are the application's."""
    for each in command.variables:
        name, _, value = each.partition("=")
        flag = "--" + name.removeprefix(prefix).lower().replace("_", "-")
        if prefix and name.startswith(prefix) and flag in table:
            row = table[flag]
            draft.take(row._replace(switch=False), Given(flag, value, f"{command.where}, ${name}"))
        elif "$" in value:
            draft.note(f"The variable {name} stays in the environment.")
        else:
            draft.keep("raw_env", [each], Given(f"${name}", each, command.where))


def application(draft: Draft, others: Sequence[str], where: str) -> None:
    """The application among the words that are no options."""
    names = [each for each in others if each and "$" not in each]
    for each in others:
        if "$" in each:
            draft.note(f"{each}: what the shell puts there is not known, and not taken over.")
    if not names:
        draft.note(f"{draft.server} was given no application: set wsgi_app to MODULE:NAME.")
        return
    name = names[0]
    module, colon, attribute = name.partition(":")
    if not colon:
        # What uvicorn refuses, and granian and hypercorn look for.
        attribute = "app"
    called = f"{attribute}()" if draft.part("factory") and "(" not in attribute else attribute
    draft.keep("wsgi_app", f"{module}:{called}", Given("the application", name, where))
    for extra in names[1:]:
        draft.note(f"The word {extra!r} of the command line was not understood.")


def address(draft: Draft, host: str, port: str) -> None:
    """Join host and port, unless they are the server's defaults, which are licorne's too."""
    given = draft.parts.get("host") or draft.parts.get("port")
    if given is None or "bind" in draft.kept:
        return
    value = values.host_port(draft.part("host", host), draft.part("port", port))
    names = " and ".join(draft.parts[each].name for each in ("host", "port") if each in draft.parts)
    draft.keep("bind", [value], Given(names, value, given.where))


def logging(draft: Draft) -> None:
    """A logging configuration, by the form that its name tells."""
    given = draft.parts.get("log_config")
    if given is None:
        return
    path = str(given.value)
    if path.endswith((".yaml", ".yml")):
        draft.note(f"{path} is YAML: write it as JSON, and name it with logconfig_json.")
        return
    draft.keep("logconfig_json" if path.endswith(".json") else "logconfig", path, given)
    draft.note(
        f"The loggers of {draft.server} that {path} names do not exist in licorne, whose "
        "loggers are gunicorn.error and gunicorn.access."
    )
