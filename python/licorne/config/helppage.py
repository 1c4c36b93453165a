"""`--help`: a first page with the flags that most people need; `--help-all`: every flag.

Both are grouped by the sections of the settings.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from itertools import groupby

from licorne.config.settings import OPTIONS, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Sequence

    from licorne.config.option import Option

#: The settings on the first page. Those that a program has added are there, too.
FIRST = frozenset(
    (
        "config", "bind", "workers", "worker_class", "threads", "timeout", "request_timeout",
        "forwarded_allow_ips", "reload", "check_config", "print_config", "preload_app", "daemon",
        "raw_env", "pidfile", "user", "group", "accesslog", "errorlog", "loglevel",
    )
)  # fmt: skip
#: How the application is written in the usage of commands that take one.
APPLICATION = "APP_MODULE"
USAGE = "%(prog)s [OPTIONS]"

ABOUT = """\
Serves a WSGI application with worker processes. APP_MODULE is MODULE:NAME, such
as app:app for the object `app` of app.py; without :NAME it is `application`.
"""
EXAMPLES = (
    ("{prog} app:app", "the object `app` of app.py"),
    ("{prog} -w 4 -b 0.0.0.0:8000 shop.wsgi", "4 processes, on every network"),
    ('{prog} --threads 8 "app:create_app()"', "what a function makes"),
    ("{prog} --reload app:app", "while it is written"),
    ("{prog} -c production.py", "a file that sets wsgi_app"),
)
MORE = (
    ("{prog} --help-all", "every flag"),
    ("{prog} --print-config", "every setting, its value and origin"),
    ("licorne init", "write a licorne.toml for what is in this folder"),
    ("licorne migrate FILE", "make one from another server's configuration"),
    ("licornectl --help", "to ask and steer a server that runs"),
    ("the documentation, Settings", "settings in files and variables, too"),
)


class Formatter(RawDescriptionHelpFormatter):
    """Texts as they are written, and the value once behind all names of a flag."""

    def _format_action_invocation(self, action: Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        # As Python itself does from 3.13 on.
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


def formatter(prog: str) -> Formatter:
    """argparse asks shutil for the width, even when no help is shown, and that costs 3 ms."""
    try:
        width = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):  # not a terminal, or not a number
        width = 80
    return Formatter(prog, width=max(width - 2, 20), max_help_position=30)


def listed(title: str, rows: Sequence[tuple[str, str]], prog: str) -> str:
    """Command lines with what they are for, one below the other."""
    lines = [(line.format(prog=prog), purpose) for line, purpose in rows]
    width = max(len(line) for line, _ in lines)
    return "\n".join([f"{title}:", *(f"  {line:<{width}}  {why}" for line, why in lines)])


def page(usage: str | None, prog: str, *, everything: bool, about: str = "", more: str = "") -> str:
    """The text of `--help`, or of `--help-all`."""
    takes_application = APPLICATION in (usage or "")
    ends = [more] if more else [listed("read on", MORE[everything:], prog)]
    if takes_application:
        ends.insert(0, listed("examples", EXAMPLES, prog))
    made = ArgumentParser(
        usage=usage or USAGE,
        prog=prog,
        formatter_class=formatter,
        add_help=False,
        description=about or (ABOUT if takes_application else None),
        epilog="\n\n".join(ends).replace("%", "%%"),
    )
    from licorne.config.cli import add_flag, add_printers  # noqa: PLC0415 - it needs this module

    shown = [each for each in OPTIONS.values() if each.flags and (everything or first(each))]
    for section, options in groupby(shown, key=lambda option: option.section):
        group = made.add_argument_group(section)
        for option in options:
            add_flag(group, option)
    add_printers(made.add_argument_group("About the command"), everything=everything)
    return made.format_help()


def first(option: Option) -> bool:
    """Whether a setting is on the first page."""
    return option.name in FIRST or not hasattr(Settings, option.name)


def said(option: Option) -> str:
    """What the help says of a flag: its purpose, and its default if there is one to name."""
    text = option.brief
    default = option.default
    if option.factory is None and default not in (None, "", False, [], {}):
        shown = ", ".join(map(str, default)) if isinstance(default, list) else str(default)
        text += f" [{shown}]"
    if option.later:
        text += " (not available yet)"
    return text.replace("%", "%%")
