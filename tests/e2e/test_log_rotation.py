"""Log rotation where the workers have another user than the master."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.client import Client
from faults.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from e2e.server import Serve

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")

#: A group and a user that own nothing.
UNPRIVILEGED = ("-u", "65534", "-g", "65534")
APP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"one"]
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of root's; those of pytest cannot be entered by others."""
    with tempfile.TemporaryDirectory(prefix="lclogs") as name:
        yield Path(name)


# The others import more than such a user may be able to read.
@pytest.mark.parametrize("kind", ["sync", "gthread"])
@pytest.mark.parametrize("mode", [0o755, 0o700])
@pytest.mark.parametrize("more", [(), ("--preload",), ("--capture-output",)])
def test_workers_write_to_the_new_files(
    serve: Serve, folder: Path, kind: str, mode: int, more: tuple[str, ...]
) -> None:
    """With 755 they open the new file, which is theirs; with 700 the master lends it."""
    folder.chmod(mode)
    error, access = folder / "error.log", folder / "access.log"
    with tempfile.TemporaryDirectory(prefix="lcsock") as place:
        Path(place).chmod(0o777)
        (Path(place) / "tiny.py").write_text(APP)
        address = f"{place}/s"
        server = serve(
            "tiny:app", "-k", kind, *UNPRIVILEGED, *more,
            "--error-logfile", str(error), "--access-logfile", str(access),
            bind=(f"unix:{address}",), cwd=Path(place),
        )  # fmt: skip
        logged(error, "Control socket listening")
        ask(address, "/?before")
        logged(access, "/?before")
        for each in (error, access):
            each.rename(each.with_suffix(".old"))
        server.send(signal.SIGUSR1)
        eventually(lambda: after(address, access), "the worker writes to the new file")
        assert access.stat().st_uid == error.stat().st_uid == 65534
        assert "Cannot reopen" not in error.read_text() + error.with_suffix(".old").read_text()


def ask(address: str, target: str) -> None:
    with Client.unix(address) as client:
        client.get(target, close=True)
        assert client.response().status == 200


def after(address: str, access: Path) -> bool:
    """The worker gets the signal at some time: asked until then."""
    ask(address, "/?after")
    return access.exists() and "/?after" in access.read_text()


def logged(file: Path, text: str) -> None:
    eventually(lambda: file.exists() and text in file.read_text(), f"{text} in {file}")
