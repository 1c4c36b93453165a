"""gunicorn's configuration API for embedders and extenders."""

from __future__ import annotations

from argparse import ArgumentParser
from ipaddress import ip_network
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

class Books(config.Setting):
    name = "books"
    cli = ["--book"]
    action = "append"
    validator = config.validate_list_string
    default = "none"
    desc = "What stands on the shelf."

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
    for name in ("shelf", "lamp", "books", "door"):
        del OPTIONS[name]
    gunicorn_config.KNOWN_SETTINGS[:] = [
        each for each in gunicorn_config.KNOWN_SETTINGS if each.name in OPTIONS
    ]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([], (3, None, ["none"], None)),
        (["--shelf", "4"], (4, None, ["none"], None)),
        (["--book", "a", "--book", "b"], (3, None, ["a", "b"], None)),
        (["--lamp", "--door"], (3, True, ["none"], "open")),
        (["--door", "shut"], (3, None, ["none"], "shut")),
    ],
)
@pytest.mark.usefixtures("furniture")
def test_the_forms_of_a_declaration(words: list[str], values: tuple[object, ...]) -> None:
    cfg = Config("%(prog)s", "x")
    for name, value in vars(cfg.parser().parse_args(words)).items():
        if value is not None and name in OPTIONS:
            cfg.set(name, value)
    assert (cfg.shelf, cfg.lamp, cfg.books, cfg.door) == values
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


def test_a_setting_adds_its_flag_to_another_parser() -> None:
    parser = ArgumentParser()
    for name in ("bind", "workers", "preload_app", "wsgi_app"):
        Config().settings[name].add_option(parser)
    parsed = parser.parse_args(["-b", "a:1", "-b", "b:2", "-w", "3", "--preload"])
    assert vars(parsed) == {"bind": ["a:1", "b:2"], "workers": 3, "preload_app": True}


def test_the_settings_of_a_configuration_are_its_own_and_a_copy_is_not() -> None:
    cfg = Config()
    setting = cfg.settings["workers"]
    copied = setting.copy()
    setting.set("3")
    copied.set(5)
    assert (cfg.workers, setting.value, setting.get(), copied.get()) == (3, 3, 3, 5)
    cfg.settings["loglevel"].value = "warning"
    assert cfg.loglevel == "warning"
    assert isinstance(setting, gunicorn_config.Workers)
    assert repr(setting) == "<Workers workers = 3>"
    in_order = [each.name for each in sorted(cfg.settings.values())]
    assert in_order[:3] == ["config", "wsgi_app", "bind"]
    with pytest.raises(KeyError):
        _ = cfg.settings["nothing"]


@pytest.mark.parametrize(
    ("name", "action", "nargs", "given", "kept"),
    [
        ("bind", "append", None, "x", ["x"]),
        ("reload", "store_true", None, "true", True),
        ("proxy_protocol", None, "?", True, "auto"),
        ("umask", None, None, "022", 0o22),
    ],
)
def test_the_parts_of_a_setting(
    name: str, action: str | None, nargs: str | None, given: object, kept: object
) -> None:
    setting = Config().settings[name]
    assert (setting.action, setting.nargs) == (action, nargs)
    assert setting.validator(given) == kept


def test_trusted_networks() -> None:
    cfg = Config()
    cfg.set("forwarded_allow_ips", "10.0.0.0/8,::1,*")
    assert cfg.forwarded_allow_networks() == [ip_network("10.0.0.0/8"), ip_network("::1")]
    assert cfg.proxy_allow_networks() == [ip_network("127.0.0.1"), ip_network("::1")]


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
