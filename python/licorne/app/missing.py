"""What is said when the server is started without an application."""

from __future__ import annotations

import os
import re

from licorne.config.sources import DEFAULT_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.config import Config

#: Where applications usually are, in a folder or in one below it.
FILES = ("app.py", "wsgi.py", "main.py", "application.py", "server.py")
INNER = ("wsgi.py",)
#: What an application, or a function that makes one, is usually called.
_OBJECT = re.compile(
    r"^(?:def +(?=\w+\()|(?=\w+ *(?::[^=\n]*)?=[^=]))(application|app)\b", re.MULTILINE
)
_FACTORY = re.compile(r"^def +(create_app|make_app)\(\)", re.MULTILINE)
#: Bytes of a file and folders that are looked at, and applications that are named.
MOST_READ = 65536
MOST_FOLDERS = 100
MOST_NAMED = 3


def complaint(cfg: Config, folder: str) -> str:
    """No application was named, neither on the command line nor in a file of the folder."""
    lines = [
        "No application module specified.",
        f"Name one, MODULE:NAME: `{cfg.prog} app:app` serves the object app of app.py.",
        "Or set wsgi_app in a configuration file, or the variable LICORNE_WSGI_APP.",
        _read(cfg, folder),
    ]
    found = list(candidates(folder))[:MOST_NAMED]
    if found:
        lines.append("This folder seems to have applications. Perhaps:")
        lines += [f"  {cfg.prog} {each}" for each in found]
    lines.append(f"See {cfg.prog} --help.")
    return "\n".join(lines)


def _read(cfg: Config, folder: str) -> str:
    if not cfg.is_default("config") and cfg.config:
        return f"The configuration file {cfg.config} does not set it."
    names = (*DEFAULT_FILES, "pyproject.toml", "licorne.toml")
    there = [name for name in names if os.path.exists(os.path.join(folder, name))]
    if there:
        return f"In {folder}, {' and '.join(there)} did not set it."
    return f"Looked for {', '.join(names)}\nin {folder}: there is none."


def candidates(folder: str) -> Iterator[str]:
    """What may be applications, as they are written on the command line; nothing is imported."""
    places = [("", name) for name in FILES]
    places += [(package, name) for package in _packages(folder) for name in INNER]
    for package, name in places:
        module = ".".join(filter(None, (package, name.removesuffix(".py"))))
        try:
            with open(os.path.join(folder, package, name), encoding="utf-8") as file:
                text = file.read(MOST_READ)
        except (OSError, UnicodeDecodeError):  # not there, or not readable as Python
            continue
        if match := _OBJECT.search(text):
            yield module if match[1] == "application" else f"{module}:{match[1]}"
        elif match := _FACTORY.search(text):
            yield f'"{module}:{match[1]}()"'


def _packages(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [each.name for each in entries if each.name.isidentifier() and each.is_dir()]
    except OSError:  # the folder has gone, or cannot be read
        return []
    return sorted(found)[:MOST_FOLDERS]
