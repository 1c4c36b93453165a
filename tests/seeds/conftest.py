"""Fixtures: the commands of the documents, typed as they stand."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Protocol

import pytest

from compat.distribution import commands
from e2e.conftest import serve, short_tmp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from e2e.server import Serve, Server

__all__ = ["commands", "serve", "short_tmp"]


class Type(Protocol):
    """Types a command that serves, in a folder; it listens at a port that the kernel chooses."""

    def __call__(
        self,
        line: str,
        folder: Path,
        *,
        bind: Sequence[str] = ("127.0.0.1:0",),
        tracebacks: bool = False,
    ) -> Server: ...


@pytest.fixture
def type_(serve: Serve, commands: Path) -> Type:
    """Type a line such as `gunicorn -w 4 myapp:app`; `python FILE` runs that environment's."""

    def start(
        line: str,
        folder: Path,
        *,
        bind: Sequence[str] = ("127.0.0.1:0",),
        tracebacks: bool = False,
    ) -> Server:
        command, *words = shlex.split(line)
        if command == "python":
            program, words = words[:1], words[1:]
        else:
            program = [str(commands / command)]
        return serve(
            "",
            *words,
            bind=bind,
            cwd=folder,
            program=program,
            python=str(commands / "python"),
            tracebacks=tracebacks,
        )

    return start
