"""Which server a file belongs to, by its name and its content."""

from __future__ import annotations

import os
import re

from licorne.errors import ConfigError
from licorne.migrate import (
    granian,
    gunicorn,
    hypercorn,
    lines,
    unit,
    uvicorn,
    uwsgi,
    uwsgi_files,
    words,
)
from licorne.migrate.rows import Draft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licorne.migrate.words import Command

KINDS = ("gunicorn", "uwsgi", "unit", "uvicorn", "granian", "hypercorn")
#: What takes a command line over.
READERS: dict[str, Callable[[Draft, Command], None]] = {
    "gunicorn": gunicorn.read,
    "uwsgi": uwsgi.read,
    "uvicorn": uvicorn.read,
    "granian": granian.read,
    "hypercorn": hypercorn.read,
}
_HYPERCORN = re.compile(
    r"\bhypercorn\b|^(keep_alive_timeout|use_reloader|alpn_protocols|h2_\w+|quic_bind)\s*=",
    re.MULTILINE,
)


def of_file(path: str, kind: str = "", chosen: str = "") -> Draft:
    """Take a file over; `kind` says what it is, where it cannot be told."""
    content = lines.read(path)
    file_kind = _file_kind(path, content)
    if file_kind and (not kind or file_kind in {kind, "python"}):
        return _of_settings(path, kind or _of_python(content, file_kind), chosen)
    found = [each for each in words.found(path, content) if kind in {"", each.server}]
    if found:
        draft = of_command(found[0], path)
        for other in found[1:]:
            draft.note(f"Another command, at {other.where}, is left out: {other.server}.")
        return draft
    if kind and file_kind:
        return _of_settings(path, kind, chosen)
    what = kind or "a server that is known here"
    raise ConfigError(
        f"{path} is neither a configuration file nor has a command line of {what}: "
        f"known are {', '.join(KINDS)}. --from KIND says what a file is."
    )


def of_words(given: Sequence[str], kind: str = "") -> Draft:
    """Take a command line over."""
    where = "the command line"
    command = words.command(given, where)
    if command is None and kind in READERS:
        command = words.Command(kind, list(given), [], where)
    if command is None or (kind and kind != command.server):
        raise ConfigError(
            f"No command of {kind or 'a known server'} in {' '.join(given)!r}: give it as it is "
            f"typed, such as `licorne migrate -- gunicorn -w 4 app:app`."
        )
    return of_command(command, where)


def of_command(command: Command, source: str, *, named_files: bool = True) -> Draft:
    """Take a command over, and the files that it names, of which Python is executed."""
    draft = Draft(command.server, source)
    draft.named_files = named_files
    try:
        READERS[command.server](draft, command)
    except ValueError as error:
        raise ConfigError(f"{command.where}: {command.server} {error}") from error
    return draft


def _file_kind(path: str, content: str) -> str:
    name = os.path.basename(path).lower()
    if name.endswith(".py"):
        return "python"
    if uwsgi_files.is_one(content):
        return "uwsgi"
    if name.endswith(".json") or content.lstrip().startswith("{"):
        return "unit"
    if name.endswith(".toml"):
        return "hypercorn"
    return ""


def _of_python(content: str, file_kind: str) -> str:
    if file_kind != "python":
        return file_kind
    return "hypercorn" if _HYPERCORN.search(content) else "gunicorn"


def _of_settings(path: str, kind: str, chosen: str) -> Draft:
    draft = Draft(kind, path)
    if kind == "gunicorn":
        gunicorn.read_file(draft, path)
    elif kind == "uwsgi":
        uwsgi.read_file(draft, path)
    elif kind == "unit":
        unit.read_file(draft, path, chosen)
    elif kind == "hypercorn":
        hypercorn.read_file(draft, path)
    else:
        raise ConfigError(f"{path} is no file of {kind}, which has only command lines.")
    return draft
