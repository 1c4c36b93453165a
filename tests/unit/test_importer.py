"""From `MODULE:NAME` to an application, with gunicorn's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.errors import AppImportError
from licorne.util import import_app

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
def application(environ, start_response):
    return [b"plain"]

def create(name="x", debug=False):
    def app(environ, start_response):
        return [f"{name} {debug}".encode()]
    return app

def failing():
    raise TypeError("from inside")

def deeper(a):
    return create(1, 2, 3)

nothing = None
number = 3
not_created = lambda: None
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app_of_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("", b"plain"),
        (":application", b"plain"),
        (":create()", b"x False"),
        (":create('y', debug=True)", b"y True"),
    ],
)
def test_found(expression: str, answer: bytes) -> None:
    app = import_app(f"app_of_test{expression}")
    assert list(app({}, lambda *_: lambda _data: None)) == [answer]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("missing", "Failed to find attribute 'missing' in 'app_of_test'."),
        ("create(", "Failed to parse 'create(' as an attribute name or function call."),
        ("a.b", "Failed to parse 'a.b' as an attribute name or function call."),
        ("1 + 1", "Failed to parse '1 + 1' as an attribute name or function call."),
        ("x.create()", "Function reference must be a simple name: 'x.create()'"),
        ("create(open)", "Failed to parse arguments as literal values: 'create(open)'"),
        ("create(**{})", "Failed to parse arguments as literal values: 'create(**{})'"),
        ("create(1, 2, 3)", "TypeError: create() takes from 0 to 2 positional arguments"),
        ("nothing", "Failed to find application object: 'nothing'"),
        ("not_created()", "Failed to find application object: 'not_created()'"),
        ("number", "Application object must be callable."),
        ("number()", "'number' is not a function that can be called."),
    ],
)
def test_refused(expression: str, message: str) -> None:
    with pytest.raises(AppImportError) as caught:
        import_app(f"app_of_test:{expression}")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("expression", ["failing()", "deeper(1)"])
def test_a_type_error_inside_of_the_factory_is_its_own(expression: str) -> None:
    with pytest.raises(TypeError):
        import_app(f"app_of_test:{expression}")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("app_of_test.py", "app_of_test:application"),
        ("app_of_test.py:create()", "app_of_test:create()"),
    ],
)
def test_a_file_name_gets_a_hint(given: str, meant: str) -> None:
    with pytest.raises(ImportError) as caught:
        import_app(given)
    assert str(caught.value) == f"Failed to find application, did you mean '{meant}'?"


def test_a_missing_module_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_app("nowhere_of_test:app")
