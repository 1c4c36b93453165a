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

#: Thousands of compressed messages. kosoku needs many minutes for all of them, and some fail in it
#: before it connects (it hashes text): the original client runs them (`make autobahn`).
LONG = ["12.*", "13.*"]
#: What counts as passed: `OK`, and what has no right answer.
PASSED = {"OK", "INFORMATIONAL"}


def run(shared: Shared, folder: Path, least: int, *words: str) -> dict[str, str]:
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
    # Cases without a connection stand under its address.
    cases = json.loads((folder / "index.json").read_text())["licorne"]
    assert len(cases) >= least
    return {
        case: f"{each['behavior']} {each['behaviorClose']}"
        for case, each in cases.items()
        if not {each["behavior"], each["behaviorClose"]} <= PASSED
    }


def test_the_short_cases(shared: Shared, tmp_path: Path) -> None:
    without = [word for case in LONG for word in ("-x", case)]
    assert run(shared, tmp_path, 300, *without) == {}


@pytest.mark.patient
def test_compressed_messages(shared: Shared, tmp_path: Path, loop: str) -> None:
    """On one loop: they try the protocol, which is the same on each."""
    if loop != "asyncio":
        pytest.skip("once is enough")
    assert run(shared, tmp_path, 17, "-i", "12.1.*") == {}
