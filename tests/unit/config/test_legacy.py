"""gunicorn's configuration API for embedders and extenders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import licorne.config as gunicorn_config
from licorne.config import Config
from licorne.config.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def colour() -> Iterator[type]:
    class Colour(gunicorn_config.Setting):
        name = "colour"
        section = "Looks"
        cli = ["--colour"]  # noqa: RUF012 - gunicorn's form
        default = "red"
        short = "A colour."

        @staticmethod
        def validator(value: object) -> object:
            if value not in {"red", "blue"}:
                raise ValueError("give red or blue")
            return value

    yield Colour
    del OPTIONS["colour"]
    gunicorn_config.KNOWN_SETTINGS.remove(Colour)


def test_a_setting_of_a_third_party(colour: type) -> None:
    cfg = Config("%(prog)s", "x")
    assert colour in gunicorn_config.KNOWN_SETTINGS
    assert cfg.colour == "red"
    parsed = cfg.parser().parse_args(["--colour", "blue"])
    cfg.set("colour", parsed.colour)
    assert cfg.settings["colour"].get() == "blue"
    with pytest.raises(Exception, match="give red or blue"):
        cfg.set("colour", "green")


def test_make_settings() -> None:
    made = gunicorn_config.make_settings(ignore=["bind"])
    assert "bind" not in made
    assert made["workers"].name == "workers"
    assert made["workers"].cli == ["-w", "--workers"]


def test_names_that_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = gunicorn_config.nope
