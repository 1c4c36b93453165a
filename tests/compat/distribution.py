"""The distribution `compat/`, built and installed beside licorne in a fresh environment."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from e2e.once import once
from patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of a fresh environment with licorne and the distribution."""
    if not (ROOT / "compat").exists():
        pytest.skip("not in the source tree")
    return once(tmp_path_factory, "environment", installed) / "bin"


def installed(place: Path) -> None:
    """Make the environment."""
    run(sys.executable, "-m", "venv", "--without-pip", str(place))
    python = place / "bin" / "python"
    found = run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # licorne, with what was built for it, and the frameworks are those of this environment.
    here = sysconfig.get_path("purelib")
    line = f"import site; site.addsitedir({here!r})\n"
    Path(found.stdout.strip(), "these.pth").write_text(line)
    pip = (sys.executable, "-m", "pip", "--python", str(python))
    run(*pip, "install", "--no-deps", "-q", str(ROOT / "compat"))


def run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that is to end well."""
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, timeout=2 * PATIENCE
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done
