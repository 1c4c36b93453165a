"""`licorne migrate FILE`, `licorne migrate -- COMMAND`: prints a `licorne.toml`."""

from __future__ import annotations

import argparse
import sys
import traceback
from contextlib import redirect_stdout

from licorne.config import toml
from licorne.config.sources import ConfigFileError
from licorne.errors import ConfigError
from licorne.migrate import kinds, output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from licorne.migrate.rows import Draft

_ABOUT = """\
Prints a licorne.toml made from the settings of another server. FILE is a
gunicorn.conf.py, a uWSGI file (ini, XML, YAML, JSON), a configuration of NGINX
Unit (JSON), a hypercorn file (TOML or Python), or a file with a command line:
Procfile, Dockerfile, Compose file, systemd unit, script. A Python file is
executed.
"""
_EXAMPLES = """\
examples:
  licorne migrate gunicorn.conf.py > licorne.toml
  licorne migrate Procfile
  licorne migrate -- uvicorn main:app --host 0.0.0.0 --workers 4
"""


def main(prog: str, words: Sequence[str]) -> int:
    """Run the command; 0 when the file was written."""
    given = list(words)
    before, command = given, []
    if "--" in given:
        at = given.index("--")
        before, command = given[:at], given[at + 1 :]
    parsed = _parser(prog).parse_args(before)
    if (parsed.file is None) == (not command):
        _parser(prog).error("give a FILE, or -- and a command line.")
    try:
        # A file that is executed may print.
        with redirect_stdout(sys.stderr):
            draft = _draft(parsed, command)
        text = output.text(draft)
    except ConfigFileError as error:
        print(error, file=sys.stderr)
        traceback.print_exception(error.__cause__)
        return 1
    except ConfigError as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    print(f"{draft.server}: {output.summary(draft)}", toml.advice(), file=sys.stderr)
    return 0


def _draft(parsed: argparse.Namespace, command: Sequence[str]) -> Draft:
    if command:
        return kinds.of_words(command, parsed.kind)
    return kinds.of_file(parsed.file, parsed.kind, parsed.app)


def _parser(prog: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"{prog} migrate",
        usage=f"{prog} migrate [--from KIND] [--app NAME] FILE | -- COMMAND",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("file", nargs="?", metavar="FILE", help="the file to read")
    made.add_argument(
        "--from",
        dest="kind",
        default="",
        choices=kinds.KINDS,
        help="what the file is, where its name and content do not tell",
    )
    made.add_argument(
        "--app", default="", metavar="NAME", help="which application of a configuration of Unit"
    )
    return made
