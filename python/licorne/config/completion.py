"""`--completion SHELL`: what the Tab key offers in bash, zsh and fish."""

from __future__ import annotations

from typing import NamedTuple

from licorne.config import convert
from licorne.config.classes import WORKER_ALIASES
from licorne.config.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.config.option import Option

#: Words that are offered, though others may be given too.
KNOWN_WORDS = {
    "asgi_loop": convert.LOOPS,
    "worker_class": tuple(WORKER_ALIASES),
    "loglevel": ("debug", "info", "warning", "error", "critical"),
}
PATHS = {"FILE", "FILES", "DIR", "CONFIG", "PATH"}
#: The flags of the command itself.
OWN = (
    ("--help", "Show the flags that most people need and exit."),
    ("--help-all", "Show every flag and exit."),
    ("--version", "Show the version and exit."),
    ("--schema", "Print the JSON schema of the settings and exit."),
    ("--explain-proxy", "Say what is made of a header that a proxy sends, and exit."),
    ("--from", "With --explain-proxy: its sender."),
)
SHELLS = ("bash", "zsh", "fish")


class Command(NamedTuple):
    """A first word that is no application, with flags of its own (`licorne.app.subcommands`)."""

    name: str
    said: str
    #: Each with what it does, and the values that are known; None: no word follows.
    flags: tuple[tuple[str, str, tuple[str, ...] | None], ...]


COMMANDS = (
    Command(
        "init",
        "Write a small licorne.toml for what is in a folder.",
        (("--force", "Write over the file that is there.", None),),
    ),
    Command(
        "migrate",
        "Print a licorne.toml made from the settings of another server.",
        (
            (
                "--from",
                "What the file is.",
                ("gunicorn", "uwsgi", "unit", "uvicorn", "granian", "hypercorn"),
            ),
            ("--app", "Which application of a configuration of Unit.", ()),
        ),
    ),
)

BASH = """\
# licorne completion for bash: source <(licorne --completion bash)
_licorne() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    COMPREPLY=()
    if (( COMP_CWORD > 1 )); then
        case "${{COMP_WORDS[1]}}" in
{commands}
        esac
    elif [[ "$word" != -* ]]; then
        COMPREPLY=($(compgen -W "{names}" -- "$word"))
        return
    fi
    case "$before" in
{cases}
        --completion) COMPREPLY=($(compgen -W "{shells}" -- "$word")); return ;;
    esac
    if [[ "$word" == -* ]]; then
        COMPREPLY=($(compgen -W "{flags} --completion" -- "$word"))
    fi
}}
complete -o default -F _licorne licorne
"""

ZSH = """\
#compdef licorne
# source <(licorne --completion zsh), or a file _licorne in a directory of $fpath
_licorne() {{
    if (( CURRENT > 2 )); then
        case "$words[2]" in
{commands}
        esac
    fi
    _arguments \\
{lines}
        '--completion[Print this script.]:shell:({shells})' \\
        '*:application:({names})'
}}
if [ "${{funcstack[1]}}" = "_licorne" ]; then
    _licorne "$@"
else
    compdef _licorne licorne
fi
"""


def script(shell: str) -> str:
    """The script for a shell; it is read by the shell when it starts."""
    return BY_SHELL[shell]()


def takes_value(option: Option) -> bool:
    """Whether a word follows the flag."""
    return option.type != "bool" and not isinstance(option.const, bool)


def words(option: Option) -> tuple[str, ...]:
    """The values that are known."""
    return tuple(option.choices) or KNOWN_WORDS.get(option.name, ())


def _flagged() -> list[Option]:
    return [option for option in OPTIONS.values() if option.flags]


def _bash() -> str:
    cases = [
        f"        {'|'.join(option.flags)}) {_bash_values(option)} return ;;"
        for option in _flagged()
        if takes_value(option)
    ]
    flags = [flag for option in _flagged() for flag in option.flags]
    flags += [flag for flag, _ in OWN]
    return BASH.format(
        cases="\n".join(cases),
        flags=" ".join(flags),
        shells=" ".join(SHELLS),
        commands="\n".join(_bash_command(each) for each in COMMANDS),
        names=" ".join(each.name for each in COMMANDS),
    )


def _bash_command(command: Command) -> str:
    lines = [f"            {command.name})"]
    for flag, _, values in command.flags:
        if values:
            offered = f'COMPREPLY=($(compgen -W "{" ".join(values)}" -- "$word")); return'
            lines.append(f'                if [[ "$before" == {flag} ]]; then {offered}; fi')
    flags = " ".join(["--help", *(flag for flag, _, _ in command.flags)])
    offered = f'COMPREPLY=($(compgen -W "{flags}" -- "$word"))'
    lines.append(f'                if [[ "$word" == -* ]]; then {offered}; fi')
    # Nothing in the reply: `-o default` then offers files.
    return "\n".join([*lines, "                return ;;"])


def _bash_values(option: Option) -> str:
    if words(option):
        return f'COMPREPLY=($(compgen -W "{" ".join(words(option))}" -- "$word"));'
    # Nothing in the reply: `-o default` then offers files.
    return "" if option.metavar in PATHS else 'COMPREPLY=("$word");'


def _zsh() -> str:
    lines = [
        f"'{'*' if option.repeated else ''}{flag}[{_zsh_text(option.brief)}]{_zsh_value(option)}'"
        for option in _flagged()
        for flag in option.flags
    ]
    lines += [f"'{flag}[{said}]'" for flag, said in OWN]
    return ZSH.format(
        lines="\n".join(f"        {x} \\" for x in lines),
        shells=" ".join(SHELLS),
        commands="\n".join(_zsh_command(each) for each in COMMANDS),
        names=" ".join(each.name for each in COMMANDS),
    )


def _zsh_command(command: Command) -> str:
    flags = ["'--help[Show this help and exit.]'"]
    for flag, said, values in command.flags:
        value = "" if values is None else f":{flag[2:]}:({' '.join(values)})"
        flags.append(f"'{flag}[{_zsh_text(said)}]{value}'")
    given = " ".join(flags)
    return (
        f"            {command.name}) shift words; (( CURRENT-- )); "
        f"_arguments {given} '*:file:_files'; return ;;"
    )


def _zsh_value(option: Option) -> str:
    if not takes_value(option):
        return ""
    optional = ":" if isinstance(option.const, str) else ""
    action = f"({' '.join(words(option))})" if words(option) else ""
    if option.metavar in PATHS:
        action = "_files"
    return f"{optional}:{option.name}:{action}"


def _zsh_text(said: str) -> str:
    said = said.replace("\\", "\\\\").replace("'", "'\\''")
    return said.replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _fish() -> str:
    lines = ["# licorne completion for fish: licorne --completion fish | source"]
    for option in _flagged():
        names = " ".join(
            f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
        )
        lines.append(f"complete -c licorne {names}{_fish_value(option)} -d {_quoted(option.brief)}")
    lines += [f"complete -c licorne -l {flag[2:]} -d {_quoted(said)}" for flag, said in OWN]
    for command in COMMANDS:
        lines.append(
            f"complete -c licorne -n __fish_use_subcommand -a {command.name} "
            f"-d {_quoted(command.said)}"
        )
        for flag, said, values in command.flags:
            value = "" if values is None else f" -x -a {_quoted(' '.join(values))}"
            lines.append(
                f"complete -c licorne -n '__fish_seen_subcommand_from {command.name}' "
                f"-l {flag[2:]}{value} -d {_quoted(said)}"
            )
    lines.append(f"complete -c licorne -l completion -x -a {_quoted(' '.join(SHELLS))}")
    return "\n".join([*lines, ""])


def _fish_value(option: Option) -> str:
    if not takes_value(option):
        return ""
    if words(option):
        return f" -x -a {_quoted(' '.join(words(option)))}"
    return " -r -F" if option.metavar in PATHS else " -x"


def _quoted(said: str) -> str:
    return "'" + said.replace("\\", "\\\\").replace("'", "\\'") + "'"


BY_SHELL: dict[str, Callable[[], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
