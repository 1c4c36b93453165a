"""Modules that load some of their names when they are asked for: what a plain start does without.

What is made here is the `__getattr__` of such a module (PEP 562).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def names(module: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """For a module that offers these names; each is in the module that stands with it."""

    def load(name: str) -> object:
        if name in homes:
            return getattr(_imported(homes[name]), name)
        raise _missing(module, name)

    return load


def names_of(module: str, home: str) -> Callable[[str], object]:
    """For a module that offers whatever another one has."""

    def load(name: str) -> object:
        # Python asks for names of its own in every module; nothing is loaded for those.
        if not name.startswith("__"):
            found = vars(_imported(home))
            if name in found:
                return found[name]
        raise _missing(module, name)

    return load


def _imported(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - start-up time

    return import_module(name)


def _missing(module: str, name: str) -> AttributeError:
    return AttributeError(f"module {module!r} has no attribute {name!r}")
