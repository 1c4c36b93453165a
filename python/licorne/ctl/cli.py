"""The command `licornectl`: one command given as words, or a prompt."""

# ruff: noqa: PLC0415 - readline and termios only at a terminal

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time

from licorne import __version__
from licorne.ctl import find
from licorne.ctl.client import ControlClient, ControlError, NotThereError
from licorne.ctl.tables import servers, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PROMPT = "licorne> "
HISTORY = "~/.licornectl_history"
#: The exit status of a command ended by Ctrl-C (128 + SIGINT).
INTERRUPTED = 130

_EXAMPLES = """examples:
  licornectl status
  licornectl workers --json
  licornectl worker add 2
  licornectl top
  licornectl -s @licorne-ctl-4711 reload
  licornectl                      (a prompt; help lists the commands)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 when the server did what it was told."""
    given = _parser().parse_args(argv)
    if given.version:
        print(f"licornectl (licorne {__version__})")
        return 0
    command = given.single if given.single is not None else shlex.join(given.command)
    try:
        if command == "servers":
            return _servers(as_json=given.json)
        session = Session(find.choose(given.socket), as_json=given.json)
        return session.single(command) if command else session.interactive()
    except ControlError as error:
        told = f"{error}. {error.remedy}" if error.remedy else str(error)
        print(f"Error: {told}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `licornectl workers | head`: the pipe is closed, and the interpreter must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="licornectl",
        description="Ask a running licorne server, or tell it what to do.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES,
    )
    parser.add_argument("-s", "--socket", help="the control socket: a path or @name")
    parser.add_argument("-c", "--command", dest="single", help="the command, as one text")
    parser.add_argument("-j", "--json", action="store_true", help="print answers as JSON")
    parser.add_argument("-v", "--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "command", nargs="*", metavar="COMMAND", help="the command; top and servers are local"
    )
    return parser


def _servers(*, as_json: bool) -> int:
    """The servers whose control sockets let us in, one a line."""
    found = find.living()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(servers(found, time.time())) if found else "no server was found")
    return 0 if found else 1


class Session:
    """Commands for one server."""

    def __init__(self, name: str, *, as_json: bool) -> None:
        self._as_json = as_json
        self._client = ControlClient(name)

    def single(self, command: str) -> int:
        """Carry out one command."""
        with self._client:
            self._carry_out(command)
        return 0

    def interactive(self) -> int:
        """Read commands until the end of the input or `quit`."""
        _remember_lines()
        with self._client:
            print(f"Connected to {self._client.name}. help lists the commands, quit ends.")
            while True:
                try:
                    line = input(PROMPT).strip()
                except EOFError:
                    print()
                    return 0
                if line.lower() in {"quit", "exit", "q"}:
                    return 0
                if line:
                    self._try(line)

    def _try(self, line: str) -> None:
        """A refused command is not the end; a server that has gone is."""
        try:
            self._carry_out(line)
        except NotThereError as error:
            # Not given again: it may have been carried out.
            print(f"Error: {error}")
            self._client.connect()
            print("Connected again.")
        except ControlError as error:
            print(f"Error: {error}")

    def _carry_out(self, command: str) -> None:
        if command.lower() == "top":
            from licorne.ctl.top import top

            top(self._client.ask)
            return
        data = self._client.ask(command)
        print(json.dumps(data, indent=2) if self._as_json else shown(command, data))


def _remember_lines() -> None:
    """Line editing with the history of earlier sessions, where Python has readline."""
    try:
        import readline
    except ImportError:
        return
    import atexit

    path = os.path.expanduser(HISTORY)

    def save() -> None:
        try:
            readline.write_history_file(path)
        except OSError as error:
            print(f"The history was not saved: {error}", file=sys.stderr)

    try:
        readline.read_history_file(path)
    except OSError:
        # The first session, or a home that cannot be read: there is no history.
        readline.clear_history()
    atexit.register(save)


if __name__ == "__main__":
    sys.exit(main())
