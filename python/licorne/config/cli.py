"""The command line, derived from the declarations: one flag for each setting that has one."""

from __future__ import annotations

import sys
from argparse import SUPPRESS, Action, ArgumentParser

from licorne import CONTRACT_VERSION, __version__, aliases
from licorne.config import convert, helppage
from licorne.config.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace, _ActionsContainer
    from collections.abc import Callable, Iterable, Sequence
    from typing import NoReturn

    from licorne.config.option import Option

#: What a value is called in the help, unless the setting says it.
METAVARS = {"int": "INT", "float": "SECONDS"}


class Parser(ArgumentParser):
    """A parser of flags, from wherever they come."""

    #: Where the flags are from, if that is not the command line.
    origin = ""

    def error(self, message: str) -> NoReturn:
        """Show the usage and what is wrong, and exit with status 2."""
        super().error(f"{message} (from {self.origin})" if self.origin else message)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> Namespace:
        """Parse all words; what is no flag is refused with the flag that may have been meant."""
        parsed, left = self.parse_known_args(args, namespace)
        if left:
            from licorne.config import nearest  # noqa: PLC0415 - only for a refusal

            hints = {nearest.flag_suggestion(each) for each in left if each.startswith("--")}
            self.error(f"unrecognized arguments: {' '.join(left)}.{''.join(sorted(hints))}")
        return parsed

    def parse_from(self, origin: str, words: Sequence[str]) -> Namespace:
        """Parse the flags of a variable of the environment."""
        self.origin = origin
        try:
            return self.parse_args(words)
        finally:
            self.origin = ""


def parser(usage: str | None, prog: str | None, words: Sequence[str] | None = None) -> Parser:
    """A parser for every flag, or for those that can be meant by `words`.

    Most command lines use two or three flags, and to build all of them costs milliseconds.
    """
    # Those of embedders show every flag; a command has its own pages.
    made = Parser(
        usage=usage, prog=prog, formatter_class=helppage.formatter, add_help=words is None
    )
    # A positional's dest; the application and what a framework's own command takes.
    made.add_argument("args", nargs="*", help=SUPPRESS)
    meant = None if words is None or usage is None else _meant(words)
    for option in OPTIONS.values() if meant is None else meant:
        add_flag(made, option)
    if words is None:
        _add_version(made)
    elif meant is None:
        add_printers(made, everything=True)
    return made


def _add_version(made: _ActionsContainer) -> None:
    made.add_argument(
        "-v", "--version", action=PrintVersion, nargs=0, help="print the version and exit"
    )


def _version(prog: str) -> str:
    """What `--version` prints: of gunicorn's command what gunicorn prints, and ours behind it."""
    if aliases.product(prog) != aliases.NAME:
        return f"{prog} (version {__version__})"
    return f"{prog} (version {CONTRACT_VERSION}) licorne {__version__}"


def add_printers(made: _ActionsContainer, *, everything: bool) -> None:
    """What prints something and exits; not for the parsers of embedders."""
    made.add_argument("-h", "--help", action=PrintHelp, nargs=0, help="print the first page")
    made.add_argument("--help-all", action=PrintHelp, nargs=0, help="print all flags")
    _add_version(made)
    if not everything:
        return
    made.add_argument(
        "--schema", action=PrintSchema, nargs=0, help="print the JSON schema of the settings"
    )
    made.add_argument(
        "--completion",
        action=PrintCompletion,
        choices=("bash", "zsh", "fish"),
        help="print a script that completes this command's flags in a shell",
    )
    made.add_argument(
        "--explain-proxy",
        action="append",
        metavar="HEADER",
        help="say what the settings make of a proxy's header, such as 'X-Forwarded-Proto: https', "
        "and exit; may be repeated",
    )
    made.add_argument(
        "--from",
        dest="explain_from",
        metavar="ADDRESS",
        help="with --explain-proxy: its sender, an IP address or 'unix' [127.0.0.1]",
    )


class PrintVersion(Action):
    """`--version`."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        """Print and exit."""
        sys.stdout.write(f"{_version(parser.prog)}\n")
        parser.exit()


class PrintHelp(Action):
    """`--help` and `--help-all`."""

    def __call__(
        self, parser: ArgumentParser, _given: object, _values: object, flag: object = None
    ) -> None:
        """Print and exit."""
        everything = flag == "--help-all"
        sys.stdout.write(helppage.page(parser.usage, parser.prog, everything=everything))
        parser.exit()


class PrintSchema(Action):
    """`--schema`."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        """Print and exit."""
        from licorne.config import schema  # noqa: PLC0415 - only here

        sys.stdout.write(schema.text())
        parser.exit()


class PrintCompletion(Action):
    """`--completion SHELL`."""

    def __call__(self, parser: ArgumentParser, _given: object, shell: object, *_: object) -> None:
        """Print and exit."""
        from licorne.config import completion  # noqa: PLC0415 - only here

        sys.stdout.write(completion.script(str(shell)))
        parser.exit()


def _meant(words: Sequence[str]) -> Iterable[Option] | None:
    by_flag = {flag: option for option in OPTIONS.values() for flag in option.flags}
    meant: dict[str, Option] = {}
    for word in words:
        if not word.startswith("-"):
            continue
        option = by_flag.get(word.partition("=")[0])
        if option is None:
            # An abbreviation, joined short flags, --help, or a mistake: all flags are needed.
            return None
        meant[option.name] = option
    return meant.values()


def add_flag(made: _ActionsContainer, option: Option) -> None:
    """The flag of a setting, if it has one."""
    if not option.flags:
        return
    said = helppage.said(option)
    if isinstance(option.const, str):
        made.add_argument(
            *option.flags,
            dest=option.name,
            help=said,
            nargs="?",
            const=option.const,
            metavar=option.metavar,
        )
    elif option.const is not None or option.type == "bool":
        const = True if option.const is None else option.const
        made.add_argument(
            *option.flags, dest=option.name, help=said, action="store_const", const=const
        )
    elif option.repeated:
        made.add_argument(
            *option.flags,
            dest=option.name,
            help=said,
            action="append",
            metavar=option.metavar or "STRING",
        )
    elif (number := _number(option)) is not None:
        made.add_argument(
            *option.flags, dest=option.name, help=said, type=number, metavar=option.metavar or "INT"
        )
    else:
        made.add_argument(
            *option.flags,
            dest=option.name,
            help=said,
            metavar=option.metavar or METAVARS.get(option.type, "STRING"),
        )


def _number(option: Option) -> Callable[[str], int | str] | None:
    """What reads the flag's number: text that is none is an error of usage (exit status 2)."""
    if option.type != "int":
        return None
    if option.convert is None or isinstance(option.convert, convert.Within):
        return whole
    if option.convert is convert.worker_count:
        return whole_or_auto
    return convert.mode if option.convert is convert.mode else None


def whole(text: str) -> int:
    """A whole number, still to be judged."""
    return convert.integer_text(text)


def whole_or_auto(text: str) -> int | str:
    """A number of workers, or `auto`, still to be judged."""
    return text if text.strip().lower() == convert.AUTO else whole(text)


# argparse names the type in its message: "invalid int value: 'x'", as people know it.
whole.__name__ = whole_or_auto.__name__ = "int"
