"""`import gunicorn` in a process of licorne, without and with a gunicorn installed beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from licorne import __version__, aliases

if TYPE_CHECKING:
    from pathlib import Path

SAME = """
import sys
{before}
from licorne import aliases
aliases.install()
aliases.install()
{body}
"""

#: What a program for gunicorn imports, module by module.
MODULES = (
    "app.base", "app.wsgiapp", "app", "arbiter", "config", "errors", "glogging", "http",
    "http.errors", "http.message", "http.wsgi", "pidfile", "sock", "systemd",
    "util", "workers", "workers.base", "workers.sync", "workers.gthread", "workers.workertmp",
)  # fmt: skip


def python(body: str, *, path: Path, before: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SAME.format(before=before, body=body)],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder in which something like the real gunicorn is installed."""
    package = tmp_path / "gunicorn"
    package.mkdir()
    (package / "__init__.py").write_text("REAL = True\n")
    (package / "arbiter.py").write_text("REAL = True\n")
    (package / "elsewhere.py").write_text("REAL = True\n")
    return tmp_path


@pytest.mark.parametrize("order", ["licorne", "gunicorn"])
@pytest.mark.parametrize("module", MODULES)
def test_the_same_module_object(tmp_path: Path, module: str, order: str) -> None:
    other = "licorne" if order == "gunicorn" else "gunicorn"
    body = f"""
import {order}.{module} as first
import {other}.{module} as second
assert first is second is sys.modules["gunicorn.{module}"], (first, second)
assert first.__name__ == first.__spec__.name == "licorne.{module}"
import gunicorn
found = gunicorn
for part in {module!r}.split("."):
    found = getattr(found, part)
assert found is first
"""
    python(body, path=tmp_path)


def test_the_package_names_the_contract(tmp_path: Path) -> None:
    body = """
import gunicorn
print(gunicorn.version_info > (20, 1), gunicorn.__version__, gunicorn.SERVER)
print(gunicorn.SERVER_SOFTWARE)
"""
    said = f"gunicorn/27.0.1 licorne/{__version__}"
    assert python(body, path=tmp_path) == ["True 27.0.1 gunicorn", said]


@pytest.mark.parametrize(
    ("prog", "title"),
    [
        ("licorne", f"licorne {__version__}"),
        ("/usr/bin/gunicorn", f"gunicorn 27.0.1 (licorne {__version__})"),
        ("shop-server", f"licorne {__version__}"),
    ],
)
def test_what_the_server_calls_itself(prog: str, title: str) -> None:
    assert aliases.title(prog) == title


@pytest.mark.parametrize("place", ["gunicorn", "licorne", "gunicorn.http.wsgi"])
def test_a_program_may_assign_the_software(tmp_path: Path, place: str) -> None:
    body = f"""
import {place}
{place}.SERVER_SOFTWARE = "shop/1"
from licorne.config import Config
from licorne.http.wsgi import base_environ
print(base_environ(Config())["SERVER_SOFTWARE"])
"""
    assert python(body, path=tmp_path) == ["shop/1"]


@pytest.mark.parametrize("before", ["", "import gunicorn.arbiter"])
def test_a_gunicorn_beside_is_not_used(real: Path, before: str) -> None:
    body = """
import gunicorn.arbiter, licorne.arbiter
assert gunicorn.arbiter is licorne.arbiter
assert not hasattr(gunicorn, "REAL")
print(aliases.hidden())
try:
    import gunicorn.elsewhere
except ModuleNotFoundError as error:
    print(error)
"""
    lines = python(body, path=real, before=before)
    assert lines == [str(real / "gunicorn"), "No module named 'gunicorn.elsewhere'"]


def test_nothing_is_hidden_where_nothing_is(tmp_path: Path) -> None:
    package = tmp_path / "gunicorn"
    package.mkdir()
    (package / "__init__.py").touch()
    assert python("import gunicorn; print(aliases.hidden())", path=tmp_path) == ["None"]


def test_nothing_is_said_before_it_is_imported(real: Path) -> None:
    assert python("print(aliases.hidden())", path=real) == ["None"]


def test_other_names_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "gunicorn_color.py").write_text("HERE = True\n")
    assert python("import gunicorn_color as c; print(c.HERE)", path=tmp_path) == ["True"]


def test_names_of_gunicorn_that_do_not_exist(tmp_path: Path) -> None:
    body = "import importlib.util as u; print(u.find_spec('gunicorn.six'))"
    assert python(body, path=tmp_path) == ["None"]


def test_hooks_are_not_met_before_the_names_are_ours(real: Path) -> None:
    """A program that embeds licorne, and has imported no gunicorn, keeps the one installed."""
    body = """
class Hook:
    def find_spec(self, name, path=None, target=None):
        asked.append((name, path))

asked = []
sys.meta_path.insert(0, Hook())
names = [each for each in sys.modules if each.startswith("gunicorn")]
sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, aliases.Finder)]
aliases.meet_hooks()
print(names, asked)
aliases.install()
import licorne.config
asked.clear()
aliases.meet_hooks()
asked = dict(asked)
print(asked["gunicorn.config"], asked["gunicorn.config.config"] == licorne.config.__path__)
print([each for each in sys.modules if each.startswith("gunicorn")])
"""
    assert python(body, path=real) == ["[] []", "[] True", "[]"]
