"""Every public name of the real gunicorn: it is there, and can be called the same way, or it stands
in the table of names that are not there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from typing import TypedDict

import pytest

from compat.known import DOCUMENT, bare_environment

pytest.importorskip("gunicorn")
for package in ("gevent", "tornado", "paste.deploy"):
    pytest.importorskip(package)


class Parameter(TypedDict):
    """One parameter of a function."""

    name: str
    kind: str
    needed: bool


#: `module name` by module, by name; a function's parameters, None for what is no function.
Names = dict[str, list[Parameter] | None]

#: Prints the names of a package: what its modules define, and its classes' own members. With a list
#: of names, those of them that the other package has, whatever they are there.
PROGRAM = """
import importlib, inspect, json, pkgutil, sys, types, warnings
warnings.simplefilter("ignore")
package, wanted = sys.argv[1], json.loads(sys.stdin.read())

def told(made):
    made = getattr(made, "__func__", made)
    try:
        found = inspect.signature(made).parameters.values() if callable(made) else None
    except (TypeError, ValueError):
        found = None
    if found is None:
        return None
    return [
        {"name": each.name, "kind": each.kind.name, "needed": each.default is each.empty}
        for each in found
    ]

def public(names, package):
    for name, made in names.items():
        home = getattr(made, "__module__", package)
        if not name.startswith("_") and not isinstance(made, types.ModuleType) and home == package:
            yield name, made

def walk():
    package_module = importlib.import_module(package)
    yield "", "", None
    for found in pkgutil.walk_packages(package_module.__path__, package + "."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        short = found.name.removeprefix(package)
        yield short, "", None
        for name, made in public(vars(module), found.name):
            yield short, name, told(made)
            if isinstance(made, type):
                for member, each in public(vars(made), getattr(made, "__module__", "")):
                    yield short, name + "." + member, told(each)

def look():
    for module, name in wanted:
        try:
            made = importlib.import_module(package + module)
            for part in filter(None, name.split(".")):
                get = inspect.getattr_static if isinstance(made, type) else getattr
                made = get(made, part)
        except (AttributeError, ImportError):
            continue
        yield module, name, told(made) if name else None

print(json.dumps(list(look() if wanted else walk())))
"""


def ask(package: str, wanted: list[tuple[str, str]]) -> Names:
    """The names that a package has, in a process of its own."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, package],
        check=True,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        env=bare_environment(),
    )
    return {
        f"gunicorn{module} {name}".strip(): how for module, name, how in json.loads(told.stdout)
    }


@cache
def gunicorn() -> Names:
    """What the real gunicorn defines."""
    return ask("gunicorn", [])


@cache
def licorne() -> Names:
    """What of that is here."""
    split = (name.removeprefix("gunicorn").partition(" ") for name in gunicorn())
    return ask("licorne", [(module, name) for module, _, name in split])


@cache
def absent() -> dict[str, list[str]]:
    """The table of the document: patterns of names, by module."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition("\n### Names that are not there\n")
    rows = re.findall(
        r"^\| `(gunicorn[\w.]*)` \| (`[^|]*) \|", rest.partition("\n#")[0], re.MULTILINE
    )
    table: dict[str, list[str]] = {}
    for module, names in rows:
        table.setdefault(module, []).extend(re.findall(r"`([^`]+)`", names))
    return table


def excused(name: str) -> bool:
    """Whether the table says that a name is not there."""
    module, _, inner = name.partition(" ")
    if any(module == each or module.startswith(f"{each}.") for each in whole_modules()):
        return True
    # A member goes with its class.
    outer = inner.partition(".")[0]
    patterns = absent().get(module, [])
    return any(fnmatchcase(inner, each) or fnmatchcase(outer, each) for each in patterns)


def whole_modules() -> list[str]:
    """The modules of which nothing is there."""
    return [module for module, names in absent().items() if names == ["*"]]


def test_what_is_missing_is_in_the_table() -> None:
    missing = [name for name in gunicorn() if name not in licorne() and not excused(name)]
    assert missing == []


def test_the_table_names_nothing_that_is_there() -> None:
    gone = set(gunicorn()) - set(licorne())
    for module, patterns in absent().items():
        if patterns == ["*"]:
            assert any(name.partition(" ")[0] == module for name in gone), module
            continue
        inner = [each.partition(" ")[2] for each in gone if each.partition(" ")[0] == module]
        unused = [each for each in patterns if not any(fnmatchcase(one, each) for one in inner)]
        assert unused == [], module


#: More than a function has parameters.
ANY = 99


def positional(parameters: list[Parameter]) -> tuple[int, int]:
    """How many arguments a function takes by position: at least, at most."""
    places = [each for each in parameters if each["kind"].startswith("POSITIONAL")]
    most = len(places) if all(each["kind"] != "VAR_POSITIONAL" for each in parameters) else ANY
    return sum(each["needed"] for each in places), most


#: What is called by the server, or made by it, alone; `io.BufferedReader` calls the parameter so.
CALLED_OTHERWISE = {
    "gunicorn.http.body Body.readlines",
    "gunicorn.http.message Message",
    "gunicorn.workers.gtornado TornadoWorker.handle_request",
}


def test_functions_can_be_called_as_gunicorns() -> None:
    differ = []
    for name, theirs in gunicorn().items():
        ours = licorne().get(name)
        if theirs is None or ours is None:
            continue
        (least, most), (our_least, our_most) = positional(theirs), positional(ours)
        if most >= ANY or our_most >= ANY:
            continue
        # What has a default is given by name, too.
        by_name = {each["name"] for each in theirs if not each["needed"]}
        unknown = by_name - {each["name"] for each in ours}
        if our_least > least or our_most < most or unknown:
            differ.append(name)
    assert set(differ) == CALLED_OTHERWISE
