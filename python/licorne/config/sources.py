"""Where settings come from; each source is a name and the values that it gives.

Order (gunicorn's, later wins): defaults and environment variables, the framework's `init`, the
files, GUNICORN_CMD_ARGS, LICORNE_CMD_ARGS, LICORNE_<NAME>, the command line. A file that is named
stands alone; else those of the working directory count: Python, pyproject.toml, licorne.toml.
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

    from licorne.config.config import Config

#: Read from the working directory when no file is named; the first that is there.
DEFAULT_FILES = ("licorne.conf.py", "gunicorn.conf.py")
#: Variables of the environment that hold flags, in the order of application.
WORD_VARIABLES = ("GUNICORN_CMD_ARGS", "LICORNE_CMD_ARGS")
#: Of the variables that hold one setting each.
PREFIX = "LICORNE_"
#: Before the name of a module that is imported.
MODULE = "python:"
#: gunicorn's name for the module that a configuration file becomes.
MODULE_NAME = "__config__"


class Source:
    """Values by setting name, and the origin to show for them."""

    __slots__ = ("origin", "values")

    def __init__(self, origin: str, values: Mapping[str, object]) -> None:
        self.origin = origin
        self.values = values


def apply(cfg: Config, source: Source) -> None:
    """Set what the source gives; a bad value is refused with the source's name."""
    for name, value in source.values.items():
        cfg.set(name.lower(), value, origin=source.origin)


#: Modules that were imported to read settings from them.
_OF_MODULES: set[str] = set()


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


def of_file(path: str) -> dict[str, object]:
    """The settings in a configuration file, Python or TOML."""
    if not os.path.exists(path):
        raise ConfigError(f"{path!r} doesn't exist")
    if os.path.isdir(path):
        raise ConfigError(f"{path!r} is a directory: name a file in it.")
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{path!r} cannot be read by this user: change its owner or its mode.")
    if path.endswith(".toml"):
        from licorne.config import toml

        return toml.settings(path)
    return _settings(path, executed(path))


def of_module(name: str) -> dict[str, object]:
    """The settings in an importable module."""
    from importlib import import_module, invalidate_caches

    # A reload executes the module anew, but not those that it imports.
    before = sys.modules.pop(name, None) if name in _OF_MODULES else None
    invalidate_caches()
    try:
        module = import_module(name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and (name + ".").startswith(
            f"{error.name}."
        )
        if missing or not name:
            said = f"there is no module {name!r}; is its folder on the path (pythonpath, chdir)?"
            raise ConfigError(f"Cannot read the settings of {MODULE + name!r}: {said}") from None
        # User code, as in a file: anything may happen in it, and the user wants to see where.
        raise ConfigFileError(f"Failed to read config file: {MODULE}{name}") from error
    finally:
        if before is not None:
            # If it failed, what was read before stays.
            sys.modules.setdefault(name, before)
    _OF_MODULES.add(name)
    return _settings(MODULE + name, module)


def known(values: Mapping[str, object]) -> dict[str, object]:
    """What of a file's names are settings; a file cannot name itself."""
    return {name: value for name, value in values.items() if name in OPTIONS and name != "config"}


def from_variables() -> list[Source]:
    """A source for each variable LICORNE_<NAME>."""
    if not any(name.startswith(PREFIX) and name not in WORD_VARIABLES for name in os.environ):
        return []
    from licorne.config import variables

    return list(variables.from_variables())


def found_files() -> list[str]:
    """The configuration files of the working directory, in the order of application."""
    here = os.getcwd()
    found = default_file()
    names = [] if found is None else [found]
    if _speaks_of_licorne("pyproject.toml"):
        names.append(os.path.join(here, "pyproject.toml"))
    if os.path.exists("licorne.toml"):
        names.append(os.path.join(here, "licorne.toml"))
    return names


def default_file() -> str | None:
    """The Python configuration file of the working directory, if there is one."""
    for name in DEFAULT_FILES:
        if os.path.exists(name):
            return os.path.join(os.getcwd(), name)
    return None


def _speaks_of_licorne(path: str) -> bool:
    """Whether TOML's parser, which takes longer than the rest of a start, has to be loaded."""
    try:
        with open(path, "rb") as file:
            lines = [line.lstrip() for line in file if b"licorne" in line]
    except OSError:  # there is none, or it cannot be read
        return False
    # `[tool.licorne]`, `[tool] licorne = {}`, `tool.licorne.workers = 4`; not a dependency.
    return any(line.startswith((b"[", b"tool", b"licorne", b'"licorne"')) for line in lines)


def _settings(origin: str, module: ModuleType) -> dict[str, object]:
    values = known(vars(module))
    _warn_of_slips(origin, module, values)
    return values


def _warn_of_slips(origin: str, module: ModuleType, values: Mapping[str, object]) -> None:
    """gunicorn ignores unknown names, as variables of the file's own; a misspelling is none."""
    others = [
        name
        for name, value in vars(module).items()
        if name not in OPTIONS and not name.startswith("_") and len(name) >= 4
        if not isinstance(value, (type(sys), type))
    ]
    if others:
        from licorne.config.nearest import slip

        for name in others:
            meant = slip(name)
            # `log_level = ...; loglevel = log_level` is no mistake.
            if meant is not None and meant not in values:
                print(
                    f"Warning: {origin}: {name} is not a setting and has no effect; "
                    f"did you mean {meant}?",
                    file=sys.stderr,
                )


def executed(path: str) -> ModuleType:
    """The module that a Python file becomes, under gunicorn's name for it."""
    from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
    from types import ModuleType

    extension = os.path.splitext(path)[1]
    if extension not in {".py", ".pyc"}:
        _warn_extension(extension)
    # Absolute, so that the file's hooks still know where it lies when `chdir` has led elsewhere.
    place = os.path.abspath(path)
    kind = SourcelessFileLoader if extension == ".pyc" else SourceFileLoader
    loader = kind(MODULE_NAME, place)
    module = ModuleType(MODULE_NAME)
    module.__file__ = place
    module.__spec__ = ModuleSpec(MODULE_NAME, loader, origin=place)
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
