"""Settings in TOML, and which files of a directory are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from licorne.app.wsgiapp import WSGIApplication
from licorne.config import sources, toml
from licorne.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")

FILE = """
bind = ["127.0.0.1:1", "unix:/x"]
workers = 3
preload_app = true
timeout = 5
on_exit = "os.path.exists"
[secure_scheme_headers]
x-proto = "https"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*sources.WORD_VARIABLES, "PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> WSGIApplication:
    monkeypatch.setattr(sys, "argv", ["licorne", *words, "m:app"])
    return WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="licorne")


def test_a_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "licorne.toml").write_text(FILE)
    cfg = command(monkeypatch).cfg
    assert cfg.bind == ["127.0.0.1:1", "unix:/x"]
    assert (cfg.workers, cfg.preload_app, cfg.timeout) == (3, True, 5)
    assert cfg.secure_scheme_headers == {"X-PROTO": "https"}
    assert cfg.origins["workers"] == str(here / "licorne.toml")


@pytest.mark.parametrize(
    "text",
    [
        "[tool.licorne]\nworkers = 3\n",
        "[tool]\nlicorne = {workers = 3}\n",
        "tool.licorne.workers = 3\n",
        '[tool."licorne"]\nworkers = 3\n',
    ],
)
def test_the_table_of_a_project(here: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (here / "pyproject.toml").write_text(text)
    assert command(monkeypatch).cfg.workers == 3


def test_a_project_without_the_table_is_not_parsed(here: Path) -> None:
    (here / "pyproject.toml").write_text('dependencies = [\n  "licorne>=1",\n]\n[broken\n')
    assert sources.found_files() == []


def test_the_order_of_files(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "gunicorn.conf.py").write_text("workers = 1\nthreads = 1\ntimeout = 1\nbacklog = 1\n")
    (here / "pyproject.toml").write_text("[tool.licorne]\nthreads = 2\ntimeout = 2\nbacklog = 2\n")
    (here / "licorne.toml").write_text("timeout = 3\nbacklog = 3\n")
    monkeypatch.setenv("LICORNE_BACKLOG", "4")
    cfg = command(monkeypatch).cfg
    assert (cfg.workers, cfg.threads, cfg.timeout, cfg.backlog) == (1, 2, 3, 4)


def test_a_named_file_stands_alone(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "gunicorn.conf.py").write_text("workers = 1\n")
    (here / "licorne.toml").write_text("threads = 3\n")
    (here / "other.toml").write_text("timeout = 5\n")
    cfg = command(monkeypatch, "-c", "other.toml").cfg
    assert (cfg.workers, cfg.threads, cfg.timeout) == (1, 1, 5)
    assert cfg.is_default("workers")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker = 3", r"licorne.toml: there is no setting 'worker'. Did you mean 'workers'\?"),
        ("log-level = 'x'", r"no setting 'log-level'. Did you mean 'loglevel'\?"),
        ("qqqqqqqqqqqq = 1", r"there is no setting 'qqqqqqqqqqqq'.$"),
        ("config = 'x'", "config names the file to read"),
        ("workers = ", r"Cannot read 'licorne.toml': "),
    ],
)
def test_mistakes(here: Path, text: str, message: str) -> None:
    (here / "licorne.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        sources.of_file("licorne.toml")


def test_a_table_that_is_none(here: Path) -> None:
    (here / "pyproject.toml").write_text("[tool]\nlicorne = 3\n")
    with pytest.raises(ConfigError, match=r"pyproject.toml: licorne must be a table, and is 3"):
        sources.of_file("pyproject.toml")


def test_a_python_without_a_parser(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "licorne.toml").write_text(FILE)
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    assert toml.advice() == "Python before 3.11 has no TOML parser: pip install tomli."
    with pytest.raises(ConfigError, match=r"Install the package tomli, or move"):
        sources.of_file("licorne.toml")


def test_a_variable_names_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "gunicorn.conf.py").write_text("workers = 1\nthreads = 9\n")
    (here / "other.toml").write_text("workers = 4\n")
    monkeypatch.setenv("LICORNE_CONFIG", "other.toml")
    cfg = command(monkeypatch).cfg
    assert (cfg.workers, cfg.threads) == (4, 1)
    # What the command line names wins over what the variable names.
    assert command(monkeypatch, "-c", "gunicorn.conf.py").cfg.threads == 9


def test_where_each_value_came_from(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "pyproject.toml").write_text("[tool.licorne]\nworkers = 4\n")
    monkeypatch.setenv("LICORNE_THREADS", "3")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--backlog 5")
    shown = str(command(monkeypatch, "--timeout", "7").cfg).splitlines()
    told = {line.split(" = ")[0].strip(): line.split(" = ", 1)[1] for line in shown}
    assert told["workers"] == f"4  # {here / 'pyproject.toml'}"
    assert told["threads"] == "3  # $LICORNE_THREADS"
    assert told["backlog"] == "5  # GUNICORN_CMD_ARGS"
    assert told["timeout"] == "7  # command line"
    assert told["keepalive"] == "75"
