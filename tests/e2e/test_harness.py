"""The tests themselves: what they start does not depend on how they were started."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e import forkserver

if TYPE_CHECKING:
    from e2e.server import Serve

TESTS = Path(__file__).parents[1]
#: A shell without job control starts what stands before `&` with SIGINT and SIGQUIT ignored.
BEHIND_A_SHELL = "trap '' HUP; \"$@\" & wait $!"
STARTS_ONE = """
import signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
if sys.argv[1] == "harness":
    import conftest
subprocess.run(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], check=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("started_by", ["python", "harness"])
def test_a_suite_in_the_background_starts_processes_that_obey_signals(started_by: str) -> None:
    python = (sys.executable, "-c", STARTS_ONE, started_by)
    done = subprocess.run(
        ["sh", "-c", BEHIND_A_SHELL, "sh", *python],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=True,
    )
    # The C library keeps the signals from 32 on for itself.
    masks = [int(line.split()[1], 16) & 0x7FFF_FFFF for line in done.stdout.splitlines()]
    # Without the harness all of this is inherited.
    expected = [0, 0] if started_by == "harness" else [1 << 9, 0b111]
    assert masks == expected, done.stdout


#: The plugins that `tools/run-tests` needs: the others take longer to load than all the rest.
FEW_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
ONE_FLAKE = """
import os

def test_alone():
    assert "PYTEST_XDIST_WORKER" not in os.environ

def test_both():
    pass
"""


@pytest.mark.parametrize(("variables", "status"), [({}, 0), ({"CI": "true"}, 1)], ids=["", "CI"])
def test_what_passes_only_alone_is_named_and_fails_in_ci(
    tmp_path: Path, variables: dict[str, str], status: int
) -> None:
    runner = TESTS.parent / "tools" / "run-tests"
    if not runner.exists():
        pytest.skip("not in the source tree")
    (tmp_path / "test_it.py").write_text(ONE_FLAKE, encoding="ascii")
    ours = ("CI", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, str(runner), "-q"],
        cwd=tmp_path,
        env=kept | FEW_PLUGINS | variables | {"AT_A_TIME": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "== 1 passed only alone\n   test_it.py::test_alone\n" in done.stdout
    assert done.returncode == status


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.skipif(forkserver.EXECUTED, reason="no server is forked")
@pytest.mark.parametrize("kind", forkserver.MODULES_OF)
def test_a_forked_server_is_as_one_that_was_executed(serve: Serve, kind: str) -> None:
    app = "telling_app:asgi_app" if kind == "asgi" else "telling_app:app"
    forked, executed = (
        ast.literal_eval(serve(app, "-k", kind, executed=each).get("/")[1].decode())
        for each in (False, True)
    )
    for what, state in executed.items():
        assert forked[what] == state, what
