"""Commands that start another server, in the files of a folder."""

from __future__ import annotations

import os

from licorne.migrate import words
from licorne.project.look import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.migrate.words import Command

#: Where such commands are, the most telling first. What runs a site says more than a script.
FILES = (
    "Procfile", "Dockerfile", "compose.yaml", "compose.yml", "docker-compose.yml",
    "docker-compose.yaml", "entrypoint.sh", "docker-entrypoint.sh", "start.sh", "run.sh",
)  # fmt: skip


def found(folder: str) -> Iterator[Command]:
    """The commands, each with its file and line."""
    for name in FILES:
        for command in words.found(name, read(os.path.join(folder, name))):
            # `release: gunicorn --check-config` starts nothing.
            if "--check-config" not in command.words:
                yield command
