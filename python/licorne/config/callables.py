"""Hooks: a function, or the dotted name of one, that takes the arguments it will be given."""

# ruff: noqa: PLC0415 - inspect and importlib only when a hook is set

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def hook(*arities: int) -> Callable[[object], object]:
    """A conversion that accepts what can be called with one of these numbers of arguments."""

    def convert(value: object) -> object:
        if isinstance(value, str):
            value = _imported(value.strip())
        if not callable(value):
            raise TypeError("give a function, or the dotted name of one")
        if not any(accepts(value, arity) for arity in arities):
            wanted = " or ".join(str(arity) for arity in sorted(arities))
            raise TypeError(f"give a function that can be called with {wanted} argument(s)")
        return value

    return convert


def accepts(function: Callable[..., object], count: int) -> bool:
    """Whether `function` can be called with `count` positional arguments."""
    import inspect

    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # some builtins do not tell their signature: calling will
        return True
    return True


def _imported(path: str) -> object:
    from importlib import import_module

    module, dot, name = path.rpartition(".")
    if not dot:
        raise ValueError("give a dotted name, such as package.module.function")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise ValueError(f"cannot import {module!r}: {error}") from error
    except AttributeError:
        raise ValueError(f"the module {module!r} has no {name!r}") from None
