"""Names to classes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from licorne.config import Config
from licorne.config.classes import LOGGER_ALIASES, WORKER_ALIASES, load_class
from licorne.errors import ConfigError
from licorne.glogging import Logger

if TYPE_CHECKING:
    from pathlib import Path


def load(spec: object) -> type:
    return load_class(spec, WORKER_ALIASES, "gunicorn.workers")


def test_a_class_a_path_an_alias_and_gunicorns_path() -> None:
    assert load(Logger) is Logger
    assert load("licorne.glogging.Logger") is Logger
    assert load("gunicorn.glogging.Logger") is Logger
    assert load_class("simple", LOGGER_ALIASES, "gunicorn.loggers") is Logger


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nope", "class uri 'nope' invalid or not found: known names are sync, gthread"),
        ("no.such.Class", "there is no module 'no'"),
        ("licorne.glogging.Nope", "has no 'Nope'"),
        ("licorne.glogging.loggers", "is not a class"),
        ("egg:nowhere#x", "no installed distribution 'nowhere'"),
    ],
)
def test_refusals(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(spec)


def test_a_module_missing_inside_of_a_worker_module_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "worker_of_test.py").write_text("import missing_dependency_x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="missing_dependency_x"):
        load("worker_of_test.Worker")
    assert "worker_of_test" not in sys.modules


def test_what_is_no_more_has_something_that_stands_for_it() -> None:
    cfg = Config()
    cfg.set("worker_class", "gaiohttp")
    assert cfg.worker_class is load("asgi") is load("gunicorn.workers.gasgi.ASGIWorker")
    assert cfg.worker_class_str == "asgi"


def test_setup_and_install_are_called() -> None:
    called = []

    class Kind:
        @classmethod
        def setup(cls) -> None:
            called.append("setup")

        @classmethod
        def install(cls) -> None:
            called.append("install")

    cfg = Config()
    cfg.set("worker_class", Kind)
    cfg.set("logger_class", Kind)
    assert cfg.worker_class is Kind
    assert cfg.logger_class is Kind
    assert called == ["setup", "install"]
