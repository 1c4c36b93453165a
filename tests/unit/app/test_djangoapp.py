"""Which Django project is meant, and what its application is."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from licorne.app import django_wsgi, djangoapp
from licorne.errors import AppImportError, ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with `site/shop/settings.py`, and no package around `shop`."""
    shop = tmp_path / "site" / "shop"
    shop.mkdir(parents=True)
    (shop / "__init__.py").touch()
    (shop / "settings.py").touch()
    return tmp_path / "site"


@pytest.mark.parametrize("given", [None, "shop", "shop/settings.py", "shop.settings"])
def test_from_the_folder_of_manage_py(project: Path, given: str | None) -> None:
    found = djangoapp.find(given, str(project), {})
    assert (found.folder, found.settings) == (str(project), "shop.settings")


@pytest.mark.parametrize("given", ["site/shop", "site/shop/settings.py"])
def test_a_path_from_elsewhere(project: Path, given: str) -> None:
    found = djangoapp.find(given, str(project.parent), {})
    assert (found.folder, found.settings) == (str(project), "shop.settings")


def test_settings_beside_manage_py(tmp_path: Path) -> None:
    """Projects from before Django 1.4."""
    (tmp_path / "settings.py").touch()
    found = djangoapp.find(None, str(tmp_path), {})
    assert (found.folder, found.settings) == (str(tmp_path), "settings")


def test_the_environment_names_it(project: Path) -> None:
    found = djangoapp.find(None, str(project), {"DJANGO_SETTINGS_MODULE": "shop.production"})
    assert found.settings == "shop.production"


def test_what_names_nothing(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"'no/such\.py' is neither a settings file"):
        djangoapp.find("no/such.py", str(project), {})
    with pytest.raises(ConfigError, match=r"there is no settings\.py here or one folder below"):
        djangoapp.find(None, str(project / "shop" / ".." / ".."), {})
    (project / "other").mkdir()
    (project / "other" / "settings.py").touch()
    with pytest.raises(ConfigError, match=r"other/settings\.py, .*shop/settings\.py"):
        djangoapp.find(None, str(project), {})


def test_folders_are_looked_in_first_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/a", "/b"])
    django_wsgi.look_first(["/c", "/b", "/d"])
    assert sys.path == ["/c", "/d", "/a", "/b"]


def conf(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """Settings as Django would have them."""
    said = SimpleNamespace(WSGI_APPLICATION=name, SETTINGS_MODULE="shop.settings")
    monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=said))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["application", "", "shop.wsgi:application"])
def test_a_name_that_is_no_object_in_a_module(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    conf(monkeypatch, name)
    with pytest.raises(AppImportError, match=r"WSGI_APPLICATION must name .* in shop\.settings"):
        django_wsgi.make_wsgi_application()


def test_an_object_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    conf(monkeypatch, "licorne.nothing_here")
    with pytest.raises(AppImportError, match="Failed to find attribute 'nothing_here'"):
        django_wsgi.make_wsgi_application()


def test_without_django(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "django"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[-1:])
    with pytest.raises(AppImportError, match="Django is not installed"):
        django_wsgi.make_wsgi_application()
