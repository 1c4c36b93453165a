"""Settings in TOML: `licorne.toml`, and the table `[tool.licorne]` of `pyproject.toml`.

A key is a setting's name. Other keys are refused: unlike a Python file, TOML has no variables of
its own, so they can only be mistakes.
"""

from __future__ import annotations

import os
from importlib import import_module

from licorne.config.nearest import suggestion
from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PYPROJECT = "pyproject.toml"


def settings(path: str) -> dict[str, object]:
    """The settings in a file."""
    content = table(path)
    if os.path.basename(path) == PYPROJECT:
        content = _table(path, _table(path, content, "tool"), "licorne")
    for name in content:
        if name not in OPTIONS:
            raise ConfigError(f"{path}: there is no setting {name!r}.{suggestion(name)}")
        if name == "config":
            raise ConfigError(f"{path}: config names the file to read, so no file can set it.")
    return content


def table(path: str) -> dict[str, object]:
    """All that is in a file."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return _loads(path)(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read {path!r}: {error}") from error


def _table(path: str, content: dict[str, object], name: str) -> dict[str, object]:
    found = content.get(name, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: {name} must be a table, and is {found!r}.")
    return found


def advice() -> str:
    """What to install before files can be read; nothing where Python can read them."""
    if _parser() is not None:
        return ""
    return "Python before 3.11 has no TOML parser: pip install tomli."


def _parser() -> Callable[[str], dict[str, object]] | None:
    # By name: tomllib came with Python 3.11, and before that tomli is the same thing.
    for name in ("tomllib", "tomli"):
        try:
            loads: Callable[[str], dict[str, object]] = import_module(name).loads
        except ModuleNotFoundError:
            continue
        return loads
    return None


def _loads(path: str) -> Callable[[str], dict[str, object]]:
    found = _parser()
    if found is not None:
        return found
    raise ConfigError(
        f"Cannot read {path!r}: Python before 3.11 has no TOML parser. "
        "Install the package tomli, or move the settings to licorne.conf.py."
    )
