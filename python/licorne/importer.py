"""From `MODULE:NAME` or `MODULE:factory(...)` to the application object.

The part after the colon is read as syntax, never evaluated: a name, or a call of a name with
literal arguments. The messages are gunicorn's.
"""

# ruff: noqa: PLC0415 - start-up time: ast and traceback only when needed

from __future__ import annotations

import os
import sys
from importlib import import_module

from licorne.errors import AppImportError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

    from _typeshed.wsgi import WSGIApplication

DEFAULT_NAME = "application"


class Reference:
    """A name in a module, and the arguments if it is to be called."""

    __slots__ = ("args", "called", "kwargs", "name")

    def __init__(
        self,
        name: str,
        called: bool = False,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> None:
        self.name = name
        self.called = called
        self.args = args
        self.kwargs = kwargs or {}


def import_app(module: str) -> WSGIApplication:
    """Import the module and return the application, called into being if a call is written."""
    path, _, expression = module.partition(":")
    try:
        loaded = import_module(path)
    except (ImportError, TypeError) as error:  # TypeError: `./app.py` looks like a relative import
        if path.endswith(".py") and os.path.exists(path):
            name = os.path.normpath(path).removesuffix(".py").replace("/", ".")
            hint = f"{name}:{expression or DEFAULT_NAME}"
            raise ImportError(f"Failed to find application, did you mean '{hint}'?") from error
        raise
    expression = expression or DEFAULT_NAME
    reference = parse(expression)
    try:
        found: object = getattr(loaded, reference.name)
    except AttributeError:
        raise AppImportError(f"Failed to find attribute {reference.name!r} in {path!r}.") from None
    if reference.called:
        found = _call(found, reference)
    if found is None:
        raise AppImportError(f"Failed to find application object: {expression!r}")
    if not callable(found):
        raise AppImportError("Application object must be callable.")
    return found


def parse(expression: str) -> Reference:
    """What is written after the colon."""
    if expression.isidentifier():
        return Reference(expression)
    import ast

    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise _unreadable(expression) from None
    if isinstance(tree, ast.Name):
        return Reference(tree.id)
    if not isinstance(tree, ast.Call):
        raise _unreadable(expression)
    if not isinstance(tree.func, ast.Name):
        raise AppImportError(f"Function reference must be a simple name: {expression!r}")
    return _call_reference(tree, tree.func.id, expression)


def _call_reference(tree: ast.Call, name: str, expression: str) -> Reference:
    import ast

    try:
        args = tuple(ast.literal_eval(each) for each in tree.args)
        kwargs = {str(each.arg): ast.literal_eval(each.value) for each in tree.keywords if each.arg}
    except ValueError:
        kwargs = None
    if kwargs is None or len(kwargs) != len(tree.keywords):
        raise AppImportError(f"Failed to parse arguments as literal values: {expression!r}")
    return Reference(name, called=True, args=args, kwargs=kwargs)


def _unreadable(expression: str) -> AppImportError:
    return AppImportError(f"Failed to parse {expression!r} as an attribute name or function call.")


def _call(factory: object, reference: Reference) -> object:
    if not callable(factory):
        raise AppImportError(f"{reference.name!r} is not a function that can be called.")
    try:
        return factory(*reference.args, **reference.kwargs)
    except TypeError as error:
        if not _refused_arguments(error):
            raise
        raise AppImportError(f"TypeError: {error}") from error


def _refused_arguments(error: TypeError) -> bool:
    """Whether the call itself failed, not the code of the function."""
    frame = sys._getframe(1)
    trace = error.__traceback__
    # The error of a refused call has no frame below the caller's own.
    return trace is not None and trace.tb_frame is frame and trace.tb_next is None
