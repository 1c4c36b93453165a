"""gunicorn's configuration API for embedders and extenders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import licorne.config as gunicorn_config
from licorne.config import Config, validators
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


FORM = """
class Shelf(config.Setting):
    name = "shelf"
    section = "Looks"
    cli = ["--shelf"]
    validator = config.validate_pos_int
    type = int
    default = 3
    desc = \"\"\"\\
        How high.

        From the floor.
        \"\"\"

class Lamp(config.Setting):
    name = "lamp"
    cli = ["--lamp"]
    action = "store_true"
    validator = config.validate_bool
    desc = "Whether it shines."

class Door(config.Setting):
    name = "door"
    cli = ["--door"]
    nargs = "?"
    const = "open"
    validator = config.validate_string
    desc = "What the door is."
"""


@pytest.fixture
def furniture() -> Iterator[dict[str, object]]:
    """Settings as extensions of gunicorn write them: no `short`, a validator by gunicorn's name."""
    made: dict[str, object] = {"config": gunicorn_config, "__name__": "furniture"}
    exec(FORM, made)  # the form is gunicorn's, not one that a type checker likes
    yield made
    for name in ("shelf", "lamp", "door"):
        del OPTIONS[name]
    gunicorn_config.KNOWN_SETTINGS[:] = [
        each for each in gunicorn_config.KNOWN_SETTINGS if each.name in OPTIONS
    ]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([], (3, None, None)),
        (["--shelf", "4"], (4, None, None)),
        (["--lamp", "--door"], (3, True, "open")),
        (["--door", "shut"], (3, None, "shut")),
    ],
)
@pytest.mark.usefixtures("furniture")
def test_the_forms_of_a_declaration(words: list[str], values: tuple[object, ...]) -> None:
    cfg = Config("%(prog)s", "x")
    for name, value in vars(cfg.parser().parse_args(words)).items():
        if value is not None and name in OPTIONS:
            cfg.set(name, value)
    assert (cfg.shelf, cfg.lamp, cfg.door) == values
    assert cfg.settings["shelf"].short == "How high."
    assert OPTIONS["shelf"].doc == "How high.\n\nFrom the floor."


def test_all_settings_are_known_as_classes() -> None:
    known = {each.name: each for each in gunicorn_config.KNOWN_SETTINGS}
    assert set(OPTIONS) <= set(known)
    assert known["workers"].cli == ["-w", "--workers"]
    assert known["workers"]().get() == 1
    assert [each.order for each in gunicorn_config.KNOWN_SETTINGS][:3] == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("validate_bool", "true", True),
        ("validate_pos_int", "0x10", 16),
        ("validate_string", " a ", "a"),
        ("validate_string", None, None),
        ("validate_list_string", "a", ["a"]),
        ("validate_string_to_list", "a,b", ["a", "b"]),
        ("validate_file_exists", "/etc", "/etc"),
        ("validate_file_exists", None, None),
    ],
)
def test_gunicorns_validators(name: str, given: object, value: object) -> None:
    assert getattr(gunicorn_config, name)(given) == value


def test_validators_refuse() -> None:
    with pytest.raises(ValueError, match="there is no file '/not/there'"):
        validators.validate_file_exists("/not/there")
    with pytest.raises(TypeError, match="with 2 argument"):
        validators.validate_callable(2)(lambda: None)
    assert validators.validate_callable(-1)(print) is print


def test_make_settings() -> None:
    made = gunicorn_config.make_settings(ignore=["bind"])
    assert "bind" not in made
    assert made["workers"].name == "workers"
    assert made["workers"].cli == ["-w", "--workers"]


def test_names_that_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = gunicorn_config.nope


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("AccessLogFormat", "access_log_format"),
        ("SecureSchemeHeader", "secure_scheme_headers"),
        ("WorkerThreads", "threads"),
        ("WSGIApp", "wsgi_app"),
        ("LimitRequestFieldSize", "limit_request_field_size"),
    ],
)
def test_the_class_of_a_setting(name: str, setting: str) -> None:
    cls = getattr(gunicorn_config, name)
    assert cls in gunicorn_config.KNOWN_SETTINGS
    assert cls.name == setting
    assert cls.default == OPTIONS[setting].initial()


def test_to_extend_the_class_of_a_setting_declares_nothing() -> None:
    before = OPTIONS["workers"]
    type("Mine", (gunicorn_config.Workers,), {})  # type: ignore[arg-type]
    assert OPTIONS["workers"] is before
