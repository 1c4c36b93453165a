"""From manage.py to the server: the process becomes `python -m licorne.django`.

A master that had run Django's set-up would hand the project's code, as it was then, to every worker
that it ever makes, and its connections and threads too: HUP could bring nothing new. So nothing of
manage.py's work stays, but for which project it was about.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

from django.core.management.base import BaseCommand, CommandParser

from licorne.config import helppage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = "%(prog)s [OPTIONS] [ADDRPORT]"
#: Flags of all commands of Django's that mean something here, too.
SWITCHES = ("--skip-checks", "--traceback", "--no-color", "--force-color")


class ServerCommand(BaseCommand):
    """A command of manage.py with the flags of `licorne`."""

    help = "Serves this project with licorne: a master and worker processes, for production."

    #: What is left of the command line for the server.
    words: Sequence[str] = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Take Django's flags; the others are for the server's own parser."""
        ours = CommandParser(add_help=False, allow_abbrev=False)
        # Which project, is in the environment by now; --pythonpath is a flag of both.
        ours.add_argument("--settings")
        for flag in SWITCHES:
            ours.add_argument(flag, dest="switches", action="append_const", const=flag, default=[])
        given, self.words = ours.parse_known_args(argv[2:])
        if {"-h", "--help", "--help-all"} & set(self.words):
            self.print_help(argv[0], argv[1])
        else:
            # With the project's checks before it, as every command of Django's.
            super().run_from_argv([*argv[:2], *given.switches])

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """Show the server's flags."""
        prog = f"{os.path.basename(prog_name)} {subcommand}"
        more = f"Of Django's flags: --settings MODULE, {', '.join(SWITCHES)}."
        everything = "--help-all" in self.words
        sys.stdout.write(
            helppage.page(USAGE, prog, everything=everything, about=self.help, more=more)
        )

    def handle(self, *_args: str, **_options: object) -> None:
        """Become the server."""
        # What multiprocessing hands on of the flags that this interpreter was started with.
        flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        folders = os.pathsep.join(own_folders(sys.path, sysconfig.get_paths()))
        words = [sys.executable, *flags, "-m", "licorne.django", folders, *self.words]
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.execv(words[0], words)


def own_folders(path: Sequence[str], installed: dict[str, str]) -> list[str]:
    """Where modules are looked for besides the interpreter's own places (`sysconfig`)."""
    places = {installed[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    inner = installed["stdlib"] + os.sep
    return [
        os.path.abspath(each)
        for each in path
        if each not in places and not each.startswith(inner) and os.path.isdir(each or os.curdir)
    ]
