"""Habits of the Python half that no linter checks: promises, sizes, which module may do what."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import licorne

ROOT = Path(licorne.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

#: The rims, around code of users and around the master's loop: anything may come out there.
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


def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


def without_type_checking(node: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`."""
    checked = isinstance(node, ast.If) and isinstance(node.test, ast.Name)
    if checked and node.test.id == "TYPE_CHECKING":
        return []
    inner = [each for child in ast.iter_child_nodes(node) for each in without_type_checking(child)]
    return [node, *inner]


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_opens_with_its_promise(module: Path) -> None:
    promise = ast.get_docstring(tree(module))
    assert promise, "no docstring"
    assert len(promise.splitlines()) <= 8


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_functions_fit_on_a_screen(module: Path) -> None:
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree(module))
        if isinstance(node, FUNCTIONS)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 60
    }
    assert long == {}


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_public_names_are_documented(module: Path) -> None:
    missing = [
        node.name
        for node in without_type_checking(tree(module))
        if isinstance(node, ast.ClassDef | FUNCTIONS)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
        and node.col_offset in {0, 4}
        # A setter is told by its getter; a function inside of a function is its own.
        and not any(isinstance(each, ast.Attribute) for each in node.decorator_list)
        and not (node.col_offset == 4 and inside_a_function(module, node))
    ]
    assert missing == []


def inside_a_function(module: Path, wanted: ast.AST) -> bool:
    return any(
        isinstance(node, FUNCTIONS)
        and any(
            isinstance(each, FUNCTIONS) and each.lineno == getattr(wanted, "lineno", 0)
            for each in ast.walk(node)
            if each is not node
        )
        for node in ast.walk(tree(module))
    )


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_everything_is_caught_only_at_the_rims(module: Path) -> None:
    broad = [
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and {"Exception", "BaseException"}
        & {each.id for each in ast.walk(node.type) if isinstance(each, ast.Name)}
        # Cleaning up and raising on is not catching.
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]
    assert name(module) in CATCH_ALL or broad == []


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_the_engine_is_loaded_in_few_places(module: Path) -> None:
    imported = [
        node
        for node in without_type_checking(tree(module))
        if isinstance(node, ast.ImportFrom)
        and (
            node.module == "licorne._engine"
            or (node.module == "licorne" and any(a.name == "_engine" for a in node.names))
        )
    ]
    assert name(module) in ENGINE or imported == []
