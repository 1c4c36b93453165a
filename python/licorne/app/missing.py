"""What is said when the server is started without an application."""

from __future__ import annotations

import os
from itertools import islice

from licorne.config.sources import DEFAULT_FILES
from licorne.project import commands, look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.config import Config

#: Applications that are named.
MOST_NAMED = 3


def complaint(cfg: Config, folder: str) -> str:
    """No application was named, neither on the command line nor in a file of the folder."""
    lines = [
        "No application module specified.",
        f"Name one, MODULE:NAME: `{cfg.prog} app:app` serves the object app of app.py.",
        "Or set wsgi_app in a configuration file, or the variable LICORNE_WSGI_APP.",
        _read(cfg, folder),
    ]
    lines += _offers(cfg, folder)
    lines.append(f"See {cfg.prog} --help.")
    return "\n".join(lines)


def _offers(cfg: Config, folder: str) -> Iterator[str]:
    """What could be served here, and how."""
    rows = [(f"{cfg.prog} {name}", what) for name, what in _applications(folder)]
    if rows:
        rows.append((f"{cfg.prog} init", "writes a licorne.toml that says so"))
        width = max(len(line) for line, _ in rows)
        yield "This folder seems to have applications. Perhaps:"
        yield from (f"  {line:<{width}}  {what}".rstrip() for line, what in rows)
    command = next(commands.found(folder), None)
    if command is not None:
        yield f"{command.where} starts {command.server}: `{cfg.prog} init` takes that over."


def _applications(folder: str) -> Iterator[tuple[str, str]]:
    for each in islice(look.applications(folder), MOST_NAMED):
        kind = "an ASGI application" if each.asynchronous else "a WSGI application"
        made = f"{each.framework}, {kind}" if each.framework else ""
        yield look.word(each), ", ".join(filter(None, (made, each.file)))


def _read(cfg: Config, folder: str) -> str:
    if not cfg.is_default("config") and cfg.config:
        return f"The configuration file {cfg.config} does not set it."
    names = (*DEFAULT_FILES, "pyproject.toml", "licorne.toml")
    there = [name for name in names if os.path.exists(os.path.join(folder, name))]
    if there:
        return f"In {folder}, {' and '.join(there)} did not set it."
    return f"Looked for {', '.join(names)}\nin {folder}: there is none."
