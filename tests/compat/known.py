"""What the real gunicorn says about its settings, asked in a process of its own.

Here `import gunicorn` must mean gunicorn itself, as PyPI has it, and not licorne under its name.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TypedDict

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "coming-from-gunicorn.md"

#: Values that people write into configuration files and on command lines, as Python.
POOL = (
    "None, True, False, 0, 1, 5, '5', '0x10', 'true', 'False', 'yes', '', ' x ', 'a,b', [], ['a'], "
    "('a', 'b'), '*', '127.0.0.1', '10.0.0.0/8', {}, {'A': 'b'}, 'off', 'h1', 'auto', 'V1', "
    "'localhost:1', 'unix:/x', 'root', lambda *a: None, lambda a: None, lambda a, b: None, "
    "lambda a, b, c: None, lambda a, b, c, d: None, 'os.getpid', -1"
)

#: Prints, for each setting, what the package says of it and what becomes of each value.
PROGRAM = """
import contextlib, importlib, io, json, sys, warnings
warnings.simplefilter("ignore")
package, names, values = sys.argv[1], sys.argv[2].split(), eval(sys.argv[3])
config = importlib.import_module(package + ".config")

def taken(cfg, name, value):
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            cfg.set(name, value)
        except Exception:
            return None
    kept = cfg.settings[name].get()
    return "a function" if callable(kept) else repr(kept)

known = config.Config("x", "x").settings
print(json.dumps({
    name: {
        "flags": list(known[name].cli or ()),
        "default": "a function" if callable(known[name].get()) else repr(known[name].get()),
        "meta": known[name].meta,
        "taken": [taken(cfg, name, value) for value in values],
    }
    for name, cfg in ((name, config.Config("x", "x")) for name in known)
    if not names or name in names
}))
"""


class Said(TypedDict):
    """What a package says of one setting."""

    flags: list[str]
    default: str
    meta: str | None
    taken: list[str | None]


def ask(package: str, names: tuple[str, ...] = ()) -> dict[str, Said]:
    """Each setting of `gunicorn` or `licorne`, and what becomes of the values of the pool."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, package, " ".join(names), POOL],
        check=True,
        capture_output=True,
        text=True,
        env=bare_environment(),
    )
    answer: dict[str, Said] = json.loads(told.stdout)
    return answer


@cache
def gunicorn() -> dict[str, Said]:
    """The real gunicorn's settings."""
    return ask("gunicorn")


@cache
def licorne() -> dict[str, Said]:
    """licorne's answers about gunicorn's settings."""
    return ask("licorne", tuple(gunicorn()))


@cache
def deliberate() -> frozenset[str]:
    """The settings in the document's table of differences."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition("\n### Settings\n")
    table = rest.partition("\n#")[0]
    first_cells = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    return frozenset(name for cell in first_cells for name in re.findall(r"`(\w+)`", cell))


def bare_environment() -> dict[str, str]:
    """Ours, without what sets a setting."""
    mine = {"PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SENDFILE", "GUNICORN_CMD_ARGS"}
    return {k: v for k, v in os.environ.items() if k not in mine and not k.startswith("LICORNE_")}
