"""The declarations are complete; tests/compat/test_settings.py compares them with gunicorn's."""

from __future__ import annotations

import pytest

from licorne.config import Config, convert
from licorne.config.option import Option, Section, option
from licorne.config.settings import OPTIONS, Settings


@pytest.fixture
def cfg(monkeypatch: pytest.MonkeyPatch) -> Config:
    for name in ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SENDFILE"):
        monkeypatch.delenv(name, raising=False)
    return Config(prog="licorne")


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_setting_is_complete(name: str) -> None:
    declared = OPTIONS[name]
    assert declared.section
    assert declared.brief.endswith(".")
    assert declared.convert is not None or declared.type in convert.BY_TYPE
    assert declared.reload in {"workers", "rebind", "logs", "restart"}
    assert all(flag.startswith("-") for flag in declared.flags)


def test_flags_are_unique() -> None:
    flags = [flag for declared in OPTIONS.values() for flag in declared.flags]
    assert len(flags) == len(set(flags))


def test_defaults_are_not_shared() -> None:
    first, second = Config(), Config()
    first.bind.append("x")
    assert "x" not in second.bind


def test_settings_are_read_only(cfg: Config) -> None:
    with pytest.raises(AttributeError, match=r"cfg\.set"):
        cfg.workers = 3


def test_a_section_outside_of_the_server() -> None:
    class Extra(Section):
        """Extra"""

        colour: str = option("--colour", default="red", doc="A colour.")

    declared = vars(Extra)["colour"]
    assert isinstance(declared, Option)
    assert (declared.name, declared.section, declared.type) == ("colour", "Extra", "str")
    of_the_class: object = Settings.workers
    assert of_the_class is OPTIONS["workers"]
