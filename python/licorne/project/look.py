"""Applications in a folder, found by reading its files; nothing is imported."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where applications usually are, in a folder or in one below it.
FILES = ("app.py", "wsgi.py", "main.py", "application.py", "server.py", "asgi.py")
INNER = ("wsgi.py", "asgi.py", "main.py", "app.py")
#: What an application, or a function that makes one, is usually called.
_OBJECT = re.compile(
    r"^(?:def +(?=\w+\()|(?=\w+ *(?::[^=\n]*)?=[^=]))(application|app)\b", re.MULTILINE
)
_FACTORY = re.compile(r"^def +(create_app|make_app)\(\)", re.MULTILINE)
#: Frameworks by what a file imports from; the first that is found counts.
_FRAMEWORKS = (
    ("Django", False, re.compile(r"^\s*from django\.core\.wsgi\b", re.MULTILINE)),
    ("Django", True, re.compile(r"^\s*from django\.core\.asgi\b", re.MULTILINE)),
    *(
        (name, asynchronous, re.compile(rf"^\s*(?:from|import) {name.lower()}\b", re.MULTILINE))
        for name, asynchronous in (
            ("FastAPI", True), ("Quart", True), ("Litestar", True), ("BlackSheep", True),
            ("Starlette", True), ("Flask", False), ("Bottle", False), ("Pyramid", False),
            ("Falcon", False),
        )
    ),
)  # fmt: skip
#: Bytes of a file and folders that are looked at.
MOST_READ = 65536
MOST_FOLDERS = 100


class Found(NamedTuple):
    """An application as it is written on a command line, its file, and what it is made with."""

    name: str
    file: str
    framework: str
    asynchronous: bool


def applications(folder: str) -> Iterator[Found]:
    """What may be applications, the likeliest first; those of a framework before the others."""
    found = list(_applications(folder))
    # A project of Django has both, and its wsgi.py is the one that needs nothing more.
    yield from (each for each in found if each.framework)
    yield from (each for each in found if not each.framework)


def word(found: Found) -> str:
    """An application as a word of a shell's command line."""
    return f'"{found.name}"' if found.name.endswith("()") else found.name


def read(path: str) -> str:
    """The beginning of a file; nothing when it is not there, or no text."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(MOST_READ)
    except (OSError, UnicodeDecodeError):
        return ""


def _applications(folder: str) -> Iterator[Found]:
    places = [("", name) for name in FILES]
    places += [(package, name) for package in _packages(folder) for name in INNER]
    for package, name in places:
        text = read(os.path.join(folder, package, name))
        module = ".".join(filter(None, (package, name.removesuffix(".py"))))
        framework, asynchronous = _framework(text)
        if package and name in {"main.py", "app.py"} and not framework:
            # Many packages have a file of this name, and few of them serve anything.
            continue
        file = os.path.join(package, name)
        if match := _OBJECT.search(text):
            said = module if match[1] == "application" else f"{module}:{match[1]}"
            yield Found(said, file, framework, asynchronous)
        elif match := _FACTORY.search(text):
            yield Found(f"{module}:{match[1]}()", file, framework, asynchronous)


def _framework(text: str) -> tuple[str, bool]:
    for name, asynchronous, imported in _FRAMEWORKS:
        if imported.search(text):
            return name, asynchronous
    return "", False


def _packages(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            found = [each.name for each in entries if each.name.isidentifier() and each.is_dir()]
    except OSError:  # the folder has gone, or cannot be read
        return []
    return sorted(found)[:MOST_FOLDERS]
