"""WebSocket conformance: Autobahn's cases, run by kosoku."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from asgi.conftest import Shared

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("kosoku") is None, reason="kosoku is not installed"
)

#: Messages of up to 16 MiB, and thousands of compressed ones: the client needs a minute for them.
LONG = ["9.*", "12.*", "13.*"]
#: What counts as passed: `OK`, and what has no right answer.
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}


def run(shared: Shared, folder: Path, *words: str) -> dict[str, str]:
    """Case → what became of it, and of its close, for those that did not pass."""
    site = shared("websocket_app", "--websocket-max-message-size", "0")
    url = f"ws://127.0.0.1:{site.port}/echo"
    command = [sys.executable, "-c", "from kosoku._cli import main; main()"]
    subprocess.run(
        [*command, "-p", "4", "-o", str(folder), *words, url],
        check=False,
        capture_output=True,
        timeout=3 * PATIENCE,
    )
    (cases,) = json.loads((folder / "index.json").read_text()).values()
    assert len(cases) > 50
    return {
        case: f"{each['behavior']} {each['behaviorClose']}"
        for case, each in cases.items()
        if not {each["behavior"], each["behaviorClose"]} <= PASSED
    }


def test_the_short_cases(shared: Shared, tmp_path: Path) -> None:
    without = [word for case in LONG for word in ("-x", case)]
    assert run(shared, tmp_path, *without) == {}


@pytest.mark.patient
def test_the_long_cases(shared: Shared, tmp_path: Path, loop: str) -> None:
    """On one loop: they try the protocol, which is the same on each."""
    if loop != "asyncio":
        pytest.skip("once is enough")
    chosen = [word for case in LONG for word in ("-i", case)]
    assert run(shared, tmp_path, *chosen) == {}
