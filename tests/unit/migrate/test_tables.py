"""The tables of `licorne migrate`: complete, and with settings and parts that exist."""

from __future__ import annotations

import importlib.util
import inspect
import re
from typing import TYPE_CHECKING

import pytest

from licorne.config.settings import OPTIONS
from licorne.migrate import asgi, granian, gunicorn, hypercorn, unit, uvicorn, uwsgi, uwsgi_files

if TYPE_CHECKING:
    from types import ModuleType

    from licorne.migrate.rows import Row

TABLES: dict[str, tuple[ModuleType, dict[str, Row]]] = {
    "granian": (granian, granian.TABLE),
    "gunicorn": (gunicorn, gunicorn.TABLE),
    "hypercorn": (hypercorn, hypercorn.FLAGS | hypercorn.TABLE),
    "unit": (unit, unit.APPLICATION | unit.LISTENER | unit.WHOLE),
    "uvicorn": (uvicorn, uvicorn.TABLE),
    "uwsgi": (uwsgi, uwsgi.TABLE),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_row_has_a_setting_or_a_reason(name: str) -> None:
    module, table = TABLES[name]
    parts = set(re.findall(r'\.?part[s]?(?:\.get)?\(\s*"(\w+)"', inspect.getsource(module)))
    parts |= set(re.findall(r'\.?part[s]?(?:\.get)?\(\s*"(\w+)"', inspect.getsource(asgi)))
    # Looked at before the table is.
    parts |= {"config", "pass", "type", *uwsgi_files.NAMED}
    for option, row in table.items():
        if row.ours.startswith(":"):
            assert row.ours[1:] in parts, option
        elif row.ours:
            assert row.ours in OPTIONS, option
        else:
            assert row.why.endswith("."), option


@pytest.mark.parametrize("module", [hypercorn, uvicorn, uwsgi])
def test_short_flags_stand_for_long_ones(module: ModuleType) -> None:
    known = getattr(module, "FLAGS", None) or getattr(module, "_FLAGS", None) or module.TABLE
    assert set(module.SHORT.values()) <= set(known)


def test_every_flag_of_uvicorn() -> None:
    command = pytest.importorskip("uvicorn.main").main
    flags = {
        flag
        for parameter in command.params
        for flag in (*parameter.opts, *parameter.secondary_opts)
        if flag.startswith("--")
    }
    assert len(flags) > 40
    assert flags - {"--version", "--help"} <= set(uvicorn.TABLE)


def test_switches_of_uvicorn_take_no_value() -> None:
    command = pytest.importorskip("uvicorn.main").main
    switches = {
        flag
        for parameter in command.params
        for flag in (*parameter.opts, *parameter.secondary_opts)
        if getattr(parameter, "is_flag", False) and flag in uvicorn.TABLE
    }
    assert {flag for flag, row in uvicorn.TABLE.items() if row.switch} == switches


@pytest.mark.skipif(
    importlib.util.find_spec("hypercorn") is None, reason="hypercorn is not installed"
)
def test_every_name_of_hypercorn() -> None:
    """The data of its `Config`; methods and what it works out are none."""
    from hypercorn.config import Config  # noqa: PLC0415 - where it is installed

    data = {
        name.removeprefix("_")
        for name, value in vars(Config).items()
        if not name.startswith("__")
        and not callable(value)
        and not isinstance(value, (classmethod, property))
    }
    data -= {"log", "quic_addresses"}
    assert {"bind", "workers", "keyfile"} <= data
    assert data <= set(hypercorn.TABLE)


def test_what_means_something_else_than_in_gunicorn_is_a_setting() -> None:
    assert set(gunicorn.TABLE) <= set(OPTIONS)
