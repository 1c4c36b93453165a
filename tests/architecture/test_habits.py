"""Habits of the Python half that no linter checks: promises, sizes, which module may do what."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import licorne

ROOT = Path(licorne.__file__).parent
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

#: The rims, around code of users, the master's loop and a forked process: anything may come out.
CATCH_ALL = {
    "app/base.py",
    "arbiter.py",
    "asgi/lifespan.py",
    "asgi/loops.py",
    "config/sources.py",
    "ctl/server.py",
    "glogging/logger.py",
    "hooks.py",
    "master/clients.py",
    "master/reexec.py",
    "master/reload.py",
    "preload/mold.py",
    "system/process.py",
    "workers/base_async.py",
    "workers/engine.py",
    "workers/life.py",
    "workers/reloading.py",
}

#: Which modules load the native engine, and when: the master for its scoreboard and for
#: the metrics it serves, a worker after the fork, `--explain-proxy` to answer,
#: a program that asks for gunicorn's parser.
ENGINE = {
    "asgi/starting.py",
    "http/errorpage.py",
    "http/reading.py",
    "http/response.py",
    "http/rules.py",
    "metrics/collect.py",
    "metrics/connection.py",
    "tls/hooked.py",
    "tls/keeper.py",
    "tls/material.py",
    "workers/engine.py",
    "workers/gasgi.py",
    "workers/slots.py",
}


def name(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


@cache
def trees() -> dict[str, ast.Module]:
    """All modules by their names; each test names those that break its rule."""
    return {name(module): ast.parse(module.read_text()) for module in sorted(ROOT.rglob("*.py"))}


def without_type_checking(node: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    checked = isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    if checked and node.test.id == "TYPE_CHECKING":
        return []
    inner = [each for child in ast.iter_child_nodes(node) for each in without_type_checking(child)]
    return [node, *inner]


def test_all_modules_are_looked_at() -> None:
    assert {"__init__.py", "arbiter.py", "workers/sync.py"} <= trees().keys()


def test_a_module_opens_with_its_promise() -> None:
    promises = {module: ast.get_docstring(tree) for module, tree in trees().items()}
    assert [module for module, promise in promises.items() if not promise] == []
    assert [module for module, promise in promises.items() if len(promise.splitlines()) > 8] == []


def test_functions_fit_on_a_screen() -> None:
    long = {
        f"{module}: {node.name}": node.end_lineno - node.lineno + 1
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 60
    }
    assert long == {}


def test_public_names_are_documented() -> None:
    missing = [
        f"{module}: {node.name}"
        for module, tree in trees().items()
        for node in without_type_checking(tree)
        if isinstance(node, ast.ClassDef | FUNCTIONS)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
        and node.col_offset in {0, 4}
        # A setter is told by its getter; a function inside of a function is its own.
        and not any(isinstance(each, ast.Attribute) for each in node.decorator_list)
        and not (node.col_offset == 4 and inside_a_function(tree, node))
    ]
    assert missing == []


def inside_a_function(tree: ast.Module, wanted: ast.AST) -> bool:
    return any(
        isinstance(node, FUNCTIONS)
        and any(
            isinstance(each, FUNCTIONS) and each.lineno == getattr(wanted, "lineno", 0)
            for each in ast.walk(node)
            if each is not node
        )
        for node in ast.walk(tree)
    )


def test_everything_is_caught_only_at_the_rims() -> None:
    broad = [
        f"{module}:{node.lineno}"
        for module, tree in trees().items()
        if module not in CATCH_ALL
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and {"Exception", "BaseException"}
        & {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)}
        # Cleaning up and raising on is not catching.
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]
    assert broad == []


def test_the_engine_is_loaded_in_few_places() -> None:
    imported = [
        f"{module}:{node.lineno}"
        for module, tree in trees().items()
        if module not in ENGINE
        for node in without_type_checking(tree)
        if isinstance(node, ast.ImportFrom)
        and (
            node.module == "licorne._engine"
            or (node.module == "licorne" and any(a.name == "_engine" for a in node.names))
        )
    ]
    assert imported == []
