"""`licorne init` and `licorne migrate`: commands beside the server's own, with no setting in them.

Each is the first word of a command line. A module of the same name is served as `init:application`.
"""

# ruff: noqa: PLC0415 - a start of the server loads none of them

from __future__ import annotations

import os

from licorne import aliases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("init", "migrate")


def run(prog: str | None, words: Sequence[str]) -> int | None:
    """Run the command that the words ask for; None when they ask for a server."""
    if len(words) < 2 or words[1] not in NAMES:
        return None
    name = os.path.basename(prog or words[0])
    # gunicorn has no such commands: there, it is the name of a module.
    if aliases.product(name) == aliases.NAME:
        return None
    if words[1] == "init":
        from licorne.project import command as init

        return init.main(name, words[2:])
    from licorne.migrate import command as migrate

    return migrate.main(name, words[2:])
