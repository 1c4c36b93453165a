"""docs/reference/settings.md: every setting with its flags, default, variable and reload effect."""

from __future__ import annotations

import inspect
import os
from itertools import groupby
from typing import TYPE_CHECKING

from licorne.config.convert import mode
from licorne.config.settings import OPTIONS

if TYPE_CHECKING:
    from licorne.config.option import Option

#: What HUP does with a change.
RELOAD = {
    "workers": "HUP: the new workers have it",
    "rebind": "HUP: listens anew",
    "logs": "HUP: the logs are opened anew",
    "restart": "needs a restart",
}
#: Defaults that are facts of the process.
COMPUTED = {
    "default_proc_name": "licorne, or gunicorn for the command of that name",
    "chdir": "the working directory",
    "user": "the user that starts the server",
    "group": "the group that starts the server",
    "control_socket": "`$XDG_RUNTIME_DIR/licorne.ctl`, or `~/.licorne/licorne.ctl`",
}

HEAD = """\
# Settings

This page is generated from the declarations (`make generate`).

Later sources win: defaults (and `PORT`, `WEB_CONCURRENCY`, `FORWARDED_ALLOW_IPS`); what a
framework's application sets; the files of the working directory, `licorne.conf.py` or else
`gunicorn.conf.py`, then `[tool.licorne]` of `pyproject.toml`, then `licorne.toml`, or in place
of all of them the file that `-c` names; `GUNICORN_CMD_ARGS` and `LICORNE_CMD_ARGS`, which hold
flags; a variable `LICORNE_<NAME>` for each setting, such as `LICORNE_WORKERS=4`; the command
line. `licorne --print-config` shows every value with its source.

In a variable, lists are separated by commas or written as JSON, tables are JSON, and switches
are true or false, 1 or 0, yes or no, on or off; a blank one says nothing. In TOML, hooks and
classes are dotted names. `docs/reference/licorne.schema.json` (or `licorne --schema`) tells
editors about the keys.
"""


def reference() -> str:
    """The page."""
    parts = [HEAD]
    for section, options in groupby(OPTIONS.values(), key=lambda option: option.section):
        parts.append(f"\n## {section}\n")
        parts.extend(map(_entry, options))
    return "".join(parts)


def _entry(option: Option) -> str:
    facts = [f"`{flag}`" for flag in option.flags] or ["no flag"]
    facts = [", ".join(facts), f"default {default(option)}"]
    if option.env:
        facts.append(f"or `${option.env}`")
    if option.choices:
        facts.append("one of " + ", ".join(f"`{each}`" for each in option.choices))
    facts.append(RELOAD[option.reload])
    later = f"\n*Not available yet: {option.later} is still to come.*\n" if option.later else ""
    return f"\n### {option.name}\n\n{' · '.join(facts)}\n{later}\n{documentation(option)}\n"


def default(option: Option) -> str:
    """The default in words for a reader."""
    if option.factory is not None:
        return COMPUTED.get(option.name) or "a fact of the process"
    if callable(option.default):
        return "does nothing"
    if option.default in (None, "", [], {}):
        return "none"
    if option.convert is mode:
        return f"`0{option.default:o}`"
    # What depends on the machine that generates must not be in the page.
    return f"`{option.default}`".replace(os.path.expanduser("~"), "~")


def documentation(option: Option) -> str:
    """The documentation without the indentation of the declaration."""
    return inspect.cleandoc(option.doc)
