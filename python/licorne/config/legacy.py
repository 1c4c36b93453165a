"""gunicorn's configuration API for those who embed or extend the server.

`cfg.settings["bind"].get()`, `Setting` subclasses that add settings and flags, `KNOWN_SETTINGS`,
`make_settings`. Nothing of the server itself uses this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from licorne.config.config import Config, converted
from licorne.config.option import Option
from licorne.config.settings import OPTIONS
from licorne.config.sources import DEFAULT_FILES


class SettingView:
    """One setting of one configuration, with gunicorn's attributes."""

    def __init__(self, cfg: Config, option: Option) -> None:
        self._cfg = cfg
        self.name = option.name
        self.section = option.section
        self.cli = list(option.flags)
        self.meta = option.metavar
        self.const = option.const
        self.short = option.brief
        self.desc = option.doc
        self.default = option.initial()

    @property
    def value(self) -> object:
        """The value in force, not resolved to a class."""
        return self._cfg.values[self.name]

    def get(self) -> object:
        """The value in force, not resolved to a class."""
        return self.value

    def set(self, value: object) -> None:
        """Convert and keep a value."""
        self._cfg.set(self.name, value)


class SettingsView(Mapping[str, SettingView]):
    """The settings of a configuration by name."""

    def __init__(self, cfg: Config) -> None:
        self._cfg = cfg

    def __getitem__(self, name: str) -> SettingView:
        return SettingView(self._cfg, OPTIONS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(OPTIONS)

    def __len__(self) -> int:
        return len(OPTIONS)


class Setting:
    """A setting declared in gunicorn's way: a subclass with a `name` becomes known by being made.

    `validator` takes the value and returns the one to keep; `action`, `type` and `nargs` of
    gunicorn's form need not be given: a `store_true` action makes a switch.
    """

    name: str | None = None
    section: str = ""
    cli: list[str] | None = None
    meta: str | None = None
    action: str | None = None
    default: object = None
    short: str = ""
    desc: str = ""
    validator: Callable[[object], object] | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.name:
            return
        OPTIONS[cls.name] = _declared(cls)
        KNOWN_SETTINGS.append(cls)

    def __init__(self) -> None:
        self.value: object = None
        if self.default is not None:
            self.set(self.default)

    def get(self) -> object:
        """The value kept."""
        return self.value

    def set(self, value: object) -> None:
        """Convert and keep a value."""
        self.value = converted(OPTIONS[str(self.name)], value, "Setting.set()")


def _declared(cls: type[Setting]) -> Option:
    # In the class's dict the validator may be a plain function or a staticmethod; through the
    # class, both are the function.
    validator = cls.validator
    option = Option(
        *(cls.cli or ()),
        default=cls.default,
        convert=validator or _as_given,
        const=True if cls.action == "store_true" else None,
        metavar=cls.meta,
        doc=f"{cls.short}\n\n{cls.desc}",
    )
    option.name = str(cls.name)
    option.section = cls.section
    option.type = "list[str]" if cls.action == "append" else "object"
    return option


def _as_given(value: object) -> object:
    return value


#: The classes of third parties, in the order of their definition.
KNOWN_SETTINGS: list[type[Setting]] = []


def make_settings(ignore: list[str] | None = None) -> dict[str, SettingView]:
    """All settings with their defaults, less those to ignore."""
    view = Config().settings
    return {name: setting for name, setting in view.items() if name not in (ignore or ())}


def get_default_config_file() -> str | None:
    """The configuration file of the working directory, if there is one."""
    for name in reversed(DEFAULT_FILES):
        path = os.path.join(os.path.abspath(os.getcwd()), name)
        if os.path.exists(path):
            return path
    return None
