"""Where settings come from; each source is a name and the values that it gives.

Order (gunicorn's, later wins): defaults and environment variables, the framework's `init`, the
configuration file, GUNICORN_CMD_ARGS, LICORNE_CMD_ARGS, the command line.
"""

# ruff: noqa: PLC0415 - start-up time: a source that is not used costs nothing

from __future__ import annotations

import os
import sys

from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping
    from types import ModuleType

#: Read from the working directory when no file is named; the first that is there.
DEFAULT_FILES = ("licorne.conf.py", "gunicorn.conf.py")
#: Variables of the environment that hold flags, in the order of application.
WORD_VARIABLES = ("GUNICORN_CMD_ARGS", "LICORNE_CMD_ARGS")
#: gunicorn's name for the module that a configuration file becomes.
MODULE_NAME = "__config__"


class Source:
    """Values by setting name, and the origin to show for them."""

    __slots__ = ("origin", "values")

    def __init__(self, origin: str, values: Mapping[str, object]) -> None:
        self.origin = origin
        self.values = values


class ConfigFileError(ConfigError):
    """The configuration file raised; the cause is chained."""


def environment_words(variable: str) -> list[str]:
    """The flags in an environment variable, split as a shell would."""
    words = os.environ.get(variable, "").strip()
    if not words:
        return []
    import shlex

    try:
        return shlex.split(words)
    except ValueError as error:
        raise ConfigError(f"Cannot split {variable} into words: {words!r}: {error}") from error


def from_flags(origin: str, parsed: Namespace | None) -> Source:
    """The flags that were given, from a parsed command line."""
    given = {} if parsed is None else vars(parsed)
    return Source(
        origin,
        {name: value for name, value in given.items() if value is not None and name in OPTIONS},
    )


def from_file(location: str) -> Source:
    """Run a configuration file (`PATH`, `file:PATH`) or import one (`python:MODULE`)."""
    if location.startswith("python:"):
        from importlib import import_module

        name = location.removeprefix("python:")
        return _of_module(location, import_module(name))
    path = location.removeprefix("file:")
    if not os.path.exists(path):
        raise ConfigError(f"{path!r} doesn't exist")
    return _of_module(path, _executed(path))


def default_file() -> str | None:
    """The configuration file of the working directory, if there is one."""
    for name in DEFAULT_FILES:
        if os.path.exists(name):
            return os.path.join(os.getcwd(), name)
    return None


def _of_module(origin: str, module: ModuleType) -> Source:
    values = {name: value for name, value in vars(module).items() if name in OPTIONS}
    # A file cannot name itself.
    values.pop("config", None)
    return Source(origin, values)


def _executed(path: str) -> ModuleType:
    from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
    from types import ModuleType

    extension = os.path.splitext(path)[1]
    if extension not in {".py", ".pyc"}:
        _warn_extension(extension)
    kind = SourcelessFileLoader if extension == ".pyc" else SourceFileLoader
    loader = kind(MODULE_NAME, path)
    module = ModuleType(MODULE_NAME)
    module.__file__ = path
    module.__spec__ = ModuleSpec(MODULE_NAME, loader, origin=path)
    sys.modules[MODULE_NAME] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        # User code: anything may happen in it, and the user wants to see where.
        raise ConfigFileError(f"Failed to read config file: {path}") from error
    return module


def _warn_extension(extension: str) -> None:
    from textwrap import fill

    said = f"configuration file should have a valid Python extension, not {extension!r}."
    print(fill(f"WARNING: {said}"), end="\n\n", file=sys.stderr)
