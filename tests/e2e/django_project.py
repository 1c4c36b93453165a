"""The Django project under apps/django_project: its data folder, and what Django says of itself."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from e2e.once import once
from e2e.server import APPS
from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from e2e.server import Server

PROJECT = APPS / "django_project"
#: Names of requests, for this process: its servers are its own.
NUMBERS = itertools.count(1)
USER, PASSWORD = "ada", "l0velace"


def made(factory: pytest.TempPathFactory) -> dict[str, str]:
    """A database with a superuser; the environment of a server that uses it."""
    data = factory.mktemp("data")
    shutil.copytree(once(factory, "database", filled), data, dirs_exist_ok=True)
    return environment(data)


def environment(data: Path) -> dict[str, str]:
    """What tells the project where its data is."""
    return {"PROJECT_DATA": str(data), "DJANGO_SUPERUSER_PASSWORD": PASSWORD}


def filled(data: Path) -> None:
    """Make the database."""
    variables = environment(data)
    manage("migrate", "-v0", "--run-syncdb", environment=variables)
    user = ("createsuperuser", "--noinput", "--username", USER, "--email", "ada@localhost")
    manage(*user, environment=variables)


def manage(*words: str, environment: dict[str, str], cwd: Path = PROJECT) -> str:
    """What a command of manage.py prints; it has to succeed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


class Watch:
    """Follows requests by a query that is theirs alone."""

    def __init__(self, server: Server) -> None:
        self._log = server.log
        self.query = f"tag={next(NUMBERS)}"

    def sees_the_end(self, count: int = 1) -> None:
        """Django has finished each in the thread that began it, with no connection left open."""
        self._log.wait_for(f"app: finished {self.query} closed", count)
        said = self._log.matching(f"{self.query} ")
        assert len(said) == count, said
        assert len(self._log.matching(f"app: started {self.query}$")) == count
