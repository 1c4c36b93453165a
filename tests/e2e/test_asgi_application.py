"""An ASGI application under a WSGI worker type: one line at the start, and 500."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.server import Serve

APPS = """
class Double:
    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        raise AssertionError


async def single(scope, receive, send):
    raise AssertionError
"""


@pytest.mark.parametrize("name", ["single", "Double"])
def test_it_is_told_at_the_start(
    args: tuple[str, ...], worker: str, serve: Serve, tmp_path: Path, name: str
) -> None:
    (tmp_path / "an_app.py").write_text(APPS)
    server = serve(f"an_app:{name}", *args, cwd=tmp_path)
    server.log.wait_for(
        rf"ERROR\] an_app:{name} is an ASGI application, and the worker type {worker} serves WSGI: "
        "every request is answered 500. The worker type asgi is not available yet"
    )
    for _ in range(3):
        assert server.get("/") == (500, b"Internal Server Error\n")
    server.stop()
    assert len(server.log.matching(r"\[ERROR\]|Traceback|never awaited")) == 1
