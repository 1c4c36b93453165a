"""Where settings come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licorne.config import sources
from licorne.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_gives_its_settings_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "config.py"
    file.write_text("import os\nworkers = 1 + 1\ncolour = 'red'\nconfig = 'other.py'\n")
    assert sources.of_file(str(file)) == {"workers": 2}


def test_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings_of_test.py").write_text("threads = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert sources.of_module("settings_of_test") == {"threads": 3}


def test_a_missing_file() -> None:
    with pytest.raises(ConfigError, match=r"'nowhere\.py' doesn't exist"):
        sources.of_file("nowhere.py")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a directory: name a file in it"):
        sources.of_file(str(tmp_path))


def test_a_missing_module() -> None:
    with pytest.raises(ConfigError, match=r"'python:nowhere\.x': there is no module 'nowhere\.x'"):
        sources.of_module("nowhere.x")


@pytest.mark.parametrize("text", ["workers = (", "1 / 0", "import nowhere_x"])
def test_a_broken_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "broken_settings.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(sources.ConfigFileError, match=r"config file: python:broken_settings$"):
        sources.of_module("broken_settings")


@pytest.mark.parametrize("text", ["workers = (", "raise SystemError('no')", "import nowhere_x"])
def test_a_broken_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "gunicorn.conf.py"
    file.write_text(text)
    with pytest.raises(sources.ConfigFileError, match="Failed to read config file: ") as caught:
        sources.of_file(str(file))
    assert caught.value.__cause__ is not None


def test_another_extension_is_read_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "server.cfg"
    file.write_text("workers = 9\n")
    assert sources.of_file(str(file)) == {"workers": 9}
    assert "valid Python extension" in capsys.readouterr().err


def test_the_file_of_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sources.default_file() is None
    (tmp_path / "gunicorn.conf.py").touch()
    assert sources.default_file() == str(tmp_path / "gunicorn.conf.py")
    (tmp_path / "licorne.conf.py").touch()
    assert sources.default_file() == str(tmp_path / "licorne.conf.py")


def test_words_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "-w 2 --name 'a b'")
    assert sources.environment_words("GUNICORN_CMD_ARGS") == ["-w", "2", "--name", "a b"]
    monkeypatch.setenv("GUNICORN_CMD_ARGS", " ")
    assert sources.environment_words("GUNICORN_CMD_ARGS") == []
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--name 'a")
    with pytest.raises(ConfigError, match="Cannot split GUNICORN_CMD_ARGS"):
        sources.environment_words("GUNICORN_CMD_ARGS")
