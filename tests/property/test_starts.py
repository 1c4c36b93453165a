"""Random bytes in every place where settings are read: a start goes on, or says why it does not.

The command is run in this process, from its words to the point where it would become a server:
all sources are read, folded, checked and shown, and the machine is asked about the result.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licorne.app.wsgiapp import WSGIApplication
from licorne.config import preflight
from licorne.config.settings import OPTIONS
from licorne.errors import ConfigError
from property.effort import examples
from property.test_refusals import NEARLY, TEXT, VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from licorne.config import Config

NAMES = st.sampled_from(sorted(OPTIONS))
#: What an argument or a variable can hold: anything but the byte that ends it.
WORD = (TEXT | NEARLY).filter(lambda text: "\0" not in text)
FLAGGED = sorted(name for name, option in OPTIONS.items() if option.flags)
VARIABLES = (
    "GUNICORN_CMD_ARGS", "LICORNE_CMD_ARGS", "PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS",
    "SENDFILE", "XDG_RUNTIME_DIR",
)  # fmt: skip


def start(
    words: list[str], environment: Mapping[str, str] | None = None, **files: bytes
) -> tuple[int, str]:
    """The exit status, 0 if it would serve, and what is said on standard error."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    # Standard output is strict, as Python's own is.
    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with place(files) as patch, redirect_stderr(said), redirect_stdout(shown):
        patch.setattr(sys, "argv", ["licorne", *words])
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        try:
            status = look(WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="licorne").cfg)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    said.seek(0)
    return status, said.read()


@contextmanager
def place(files: Mapping[str, bytes]) -> Iterator[pytest.MonkeyPatch]:
    """An empty directory with these files (`_` for the dots in their names)."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("PWD", raising=False)
        patch.setattr(sys, "path", list(sys.path))
        for name, content in files.items():
            Path(name.replace("_", ".")).write_bytes(content)
        yield patch


def look(cfg: Config) -> int:
    """What `--print-config` and `--check-config` look at."""
    print(cfg)
    try:
        _ = (cfg.worker_class, cfg.logger_class)
    except ConfigError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if not asks_for_names(cfg):
        for complaint in preflight.complaints(cfg):
            print(f"Error: {complaint}", file=sys.stderr)
            return 1
    return 0


def asks_for_names(cfg: Config) -> bool:
    """Whether a name server would be asked about random text."""
    hosts = [each[0] for each in (*cfg.address, cfg.metrics_address) if isinstance(each, tuple)]
    try:
        _ = [ip_address(host) for host in hosts]
    except ValueError:
        return True
    return False


def well_said(outcome: tuple[int, str], *about: str) -> bool:
    """It goes on, or says no, and to what; a traceback is only of the user's own file."""
    status, said = outcome
    if status and about and not any(each.lower() in said.lower() for each in about):
        return False
    traced = "Traceback" not in said or "Failed to read config file" in said
    return traced and (status == 0 or any(word in said for word in ("rror: ", "Failed to read")))


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FLAGGED), WORD), max_size=3), WORD)
def test_command_line(pairs: list[tuple[str, str]], app: str) -> None:
    words = [f"{OPTIONS[name].flags[-1]}={text}" for name, text in pairs]
    assert well_said(start([*words, "--", app]))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(WORD, max_size=4))
def test_words_of_any_kind(words: list[str]) -> None:
    assert well_said(start(words))


@settings(max_examples=examples(400), deadline=None)
@given(st.sampled_from(VARIABLES) | NAMES.map(lambda name: f"LICORNE_{name.upper()}"), WORD)
def test_environment(variable: str, text: str) -> None:
    assert well_said(start(["m:app"], {variable: text}), variable, "usage:")


def as_json(value: object) -> bytes:
    """Which TOML mostly is."""
    return json.dumps(value, default=str, skipkeys=True).encode()


@settings(max_examples=examples(400), deadline=None)
@given(NAMES, st.binary(max_size=60) | VALUE.map(as_json))
def test_toml(name: str, value: bytes) -> None:
    line = name.encode() + b" = " + value + b"\n"
    assert well_said(start(["m:app"], licorne_toml=line), "licorne.toml")
    pyproject = b"[tool.licorne]\n" + line
    assert well_said(start(["m:app"], pyproject_toml=pyproject), "pyproject.toml")


@settings(max_examples=examples(400), deadline=None)
@given(NAMES, st.binary(max_size=60) | (VALUE | NEARLY).map(lambda value: ascii(value).encode()))
def test_config_file(name: str, value: bytes) -> None:
    line = name.encode() + b" = " + value + b"\n"
    assert well_said(start(["m:app"], licorne_conf_py=line), "licorne.conf.py")
