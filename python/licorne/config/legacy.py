"""gunicorn's configuration API for programs that embed or extend the server.

`cfg.settings["bind"].get()`, `Setting` subclasses that add settings and flags, `KNOWN_SETTINGS`,
`make_settings`. Nothing of the server itself uses this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping
from textwrap import dedent
from types import new_class

from licorne.config.cli import add_flag
from licorne.config.config import Config, converted
from licorne.config.convert import BY_TYPE
from licorne.config.option import Option
from licorne.config.settings import OPTIONS
from licorne.config.sources import DEFAULT_FILES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser


class SettingsView(MutableMapping[str, "Setting"]):
    """The settings of a configuration by name."""

    def __init__(self, cfg: Config) -> None:
        self._cfg = cfg

    def __getitem__(self, name: str) -> Setting:
        if name not in self._cfg.values:
            raise KeyError(name)
        return _class_of(name).held_by(self._cfg)

    def __setitem__(self, name: str, setting: Setting) -> None:
        """Take the value of a setting, which is this configuration's from now on."""
        self._cfg.set(name, setting.get(), origin=f"cfg.settings[{name!r}]")
        setting.join(self._cfg)

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the setting {name!r} cannot be deleted: each has a value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._cfg.values)

    def __len__(self) -> int:
        return len(self._cfg.values)


#: What of a declaration can be changed after it was made, and the name of it in an `Option`.
_CHANGEABLE = {"default": "default", "validator": "convert", "meta": "metavar", "desc": "doc"}
#: What cannot: the command line is declared once.
_FIXED = {"name", "cli", "action", "nargs", "const", "type"}


class _Declared(type):
    """The class of setting classes: programs change `WorkerClass.default` before they start."""

    def __setattr__(cls, attribute: str, value: object) -> None:
        name = vars(cls).get("name")
        if isinstance(name, str) and name in OPTIONS:
            if attribute in _FIXED:
                raise AttributeError(
                    f"{cls.__name__}.{attribute} cannot be changed: declare a setting of your own"
                )
            if attribute in _CHANGEABLE:
                _change(OPTIONS[name], attribute, value)
        if attribute == "validator" and callable(value):
            # A plain function would become a method of the objects.
            value = staticmethod(value)
        super().__setattr__(attribute, value)


def _change(option: Option, attribute: str, value: object) -> None:
    if attribute == "default":
        value = None if value is None else converted(option, value, f"{option.name}, its default")
        option.factory = None
    setattr(option, _CHANGEABLE[attribute], value)


class Setting(metaclass=_Declared):
    """A setting declared in gunicorn's way: a subclass with a `name` becomes known by being made.

    `validator` takes the value and returns the one to keep; the first line of `desc` is the help.
    An object has a value of its own, unless it is one of a configuration's `settings`.
    """

    name: str | None = None
    section: str = ""
    cli: list[str] | None = None
    meta: str | None = None
    action: str | None = None
    nargs: str | int | None = None
    const: object = None
    default: object = None
    short: str = ""
    desc: str = ""
    order: int = 0
    validator: Callable[[object], object] | None = None
    #: What turns the text of the command line into a value.
    type: Callable[[str], object] | None = None

    def __init_subclass__(cls, *, known: bool = False) -> None:
        super().__init_subclass__()
        if not cls.name or "name" not in vars(cls):
            # Nothing new: a common base, or the class of a setting that exists.
            return
        if callable(cls.validator):
            # In the body it may be a plain function; on an object, that would become a method.
            type.__setattr__(cls, "validator", staticmethod(cls.validator))
        cls.order = len(KNOWN_SETTINGS)
        KNOWN_SETTINGS.append(cls)
        if not known:
            type.__setattr__(cls, "desc", dedent(cls.desc).strip())
            cls.short = cls.short or cls.desc.partition("\n")[0]
            OPTIONS[cls.name] = _declared(cls)

    def __init__(self) -> None:
        self._cfg: Config | None = None
        self._own = OPTIONS[str(self.name)].initial()

    @classmethod
    def held_by(cls, cfg: Config) -> Setting:
        """The setting as it is in a configuration."""
        made = cls()
        made.join(cfg)
        return made

    def join(self, cfg: Config) -> None:
        """From now on this is the setting of a configuration."""
        self._cfg = cfg

    @property
    def value(self) -> object:
        """The value in force, not resolved to a class."""
        return self._own if self._cfg is None else self._cfg.values[str(self.name)]

    @value.setter
    def value(self, value: object) -> None:
        # gunicorn keeps it as it is; here code that reads a setting may rely on its form.
        self.set(value)

    def get(self) -> object:
        """The value in force, not resolved to a class."""
        return self.value

    def set(self, value: object) -> None:
        """Convert and keep a value."""
        name = str(self.name)
        if self._cfg is None:
            self._own = converted(OPTIONS[name], value, "Setting.set()")
        else:
            self._cfg.set(name, value)

    def add_option(self, parser: ArgumentParser) -> None:
        """Add the flag, if there is one, to a parser."""
        add_flag(parser, OPTIONS[str(self.name)])

    def copy(self) -> Setting:
        """A setting with a value of its own, which begins as this one's."""
        made = type(self)()
        made._own = self.value
        return made

    def __lt__(self, other: Setting) -> bool:
        return self.order < other.order

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} = {self.value!r}>"


#: Every setting as a class: the server's own, then those of third parties as they are defined.
KNOWN_SETTINGS: list[type[Setting]] = []


#: gunicorn's classes that are not called after their setting.
_TITLES = {
    "check_config": "ConfigCheck", "config": "ConfigFile", "enable_backlog_metric": "BacklogMetric",
    "nworkers_changed": "NumWorkersChanged", "proxy_allow_ips": "ProxyAllowFrom",
    "raw_env": "Env", "raw_paste_global_conf": "PasteGlobalConf",
    "secure_scheme_headers": "SecureSchemeHeader", "ssl_context": "NewSSLContext",
    "syslog_addr": "SyslogTo", "threads": "WorkerThreads", "uwsgi_allow_ips": "UWSGIAllowFrom",
}  # fmt: skip


def _as_class(option: Option) -> type[Setting]:
    switch = option.type == "bool" and option.const is None
    attributes = {
        "name": option.name,
        "section": option.section,
        "cli": list(option.flags) or None,
        "meta": option.metavar,
        "action": "append" if option.repeated else "store_true" if switch else None,
        "nargs": "?" if isinstance(option.const, str) else None,
        "const": option.const,
        "default": option.initial(),
        "validator": option.convert or BY_TYPE[option.type],
        "short": option.brief,
        "desc": option.doc,
    }
    title = _TITLES.get(option.name) or option.name.title().replace("_", "")
    return new_class(title, (Setting,), {"known": True}, lambda body: body.update(attributes))


def _declared(cls: type[Setting]) -> Option:
    const = {"store_true": True, "store_false": False}.get(cls.action or "", cls.const)
    convert = _conversion(cls)
    option = Option(
        *(cls.cli or ()),
        default=None if cls.default is None else convert(cls.default),
        convert=convert,
        const=str(const) if cls.nargs == "?" and const is not None else const,
        metavar=cls.meta,
        doc=cls.desc or cls.short,
    )
    option.name = str(cls.name)
    option.section = cls.section
    option.type = "list" if cls.action == "append" else "object"
    return option


def _conversion(cls: type[Setting]) -> Callable[[object], object]:
    validator, parse = cls.validator or _as_given, cls.type

    def convert(value: object) -> object:
        return validator(parse(value) if parse is not None and isinstance(value, str) else value)

    return convert


def _as_given(value: object) -> object:
    return value


def _class_of(name: str) -> type[Setting]:
    """The class of a setting; of several that were declared with one name, the last."""
    return next(each for each in reversed(KNOWN_SETTINGS) if each.name == name)


def setting_class(title: str) -> type[Setting]:
    """gunicorn's class of a setting, `AccessLogFormat`; of its capitals only the first count."""
    for each in KNOWN_SETTINGS:
        if each.__name__.lower() == title.lower():
            return each
    raise AttributeError(f"module 'licorne.config' has no attribute {title!r}")


def make_settings(ignore: list[str] | None = None) -> dict[str, Setting]:
    """All settings with their defaults, less those to ignore."""
    view = Config().settings
    return {name: setting.copy() for name, setting in view.items() if name not in (ignore or ())}


def get_default_config_file() -> str | None:
    """The configuration file of the working directory, if there is one."""
    for name in reversed(DEFAULT_FILES):
        path = os.path.join(os.path.abspath(os.getcwd()), name)
        if os.path.exists(path):
            return path
    return None


for _option in tuple(OPTIONS.values()):
    _as_class(_option)
