"""Hooks: a function, or the dotted name of one, that takes the arguments it will be given."""

# ruff: noqa: PLC0415 - inspect and importlib only when a hook is set

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


#: A function written as `def` or `lambda`, and the flag of one with `*args` (inspect.CO_VARARGS).
FunctionType: type = type(lambda: None)
CO_VARARGS = 0x04


def hook(arity: int) -> Callable[[object], object]:
    """A conversion that accepts what can be called with this number of arguments."""

    def convert(value: object) -> object:
        found = function(value)
        if not accepts(found, arity):
            raise TypeError(f"give a function that can be called with {arity} argument(s)")
        return found

    return convert


def post_request(value: object) -> object:
    """A hook of four arguments; one of three or two is called with the first of them."""
    found = function(value)
    if accepts(found, 4):
        return found
    for count in (3, 2):
        if accepts(found, count):
            return _shortened(found, count)
    raise TypeError("give a function that can be called with 4, 3 or 2 arguments")


def _shortened(function: Callable[[object, object, object, object], object], count: int) -> object:
    from functools import wraps

    @wraps(function)
    def call(*arguments: object) -> object:
        return function(*arguments[:count])

    return call


def function(value: object) -> Callable[[object, object, object, object], object]:
    """What can be called, or what a dotted name stands for."""
    if isinstance(value, str):
        value = _imported(value.strip())
    if not callable(value):
        raise TypeError("give a function, or the dotted name of one")
    return value


def accepts(function: Callable[[object, object, object, object], object], count: int) -> bool:
    """Whether `function` can be called with `count` positional arguments."""
    code = getattr(function, "__code__", None)
    if isinstance(function, FunctionType) and code is not None and not code.co_kwonlyargcount:
        # Nearly every hook; inspect costs several milliseconds to import.
        fewest = code.co_argcount - len(function.__defaults__ or ())
        most = sys.maxsize if code.co_flags & CO_VARARGS else code.co_argcount
        return bool(fewest <= count <= most)
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
        raise TypeError("give a dotted name, such as package.module.function")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise TypeError(f"cannot import {module!r}: {error}") from error
    except AttributeError:
        raise TypeError(f"the module {module!r} has no {name!r}") from None
