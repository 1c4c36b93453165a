"""The settings in force: raw values with their origins, and gunicorn's `cfg` as hooks know it.

The object is filled while it is loaded and only read afterwards; `set` is the one way in.
"""

# ruff: noqa: PLC0415 - start-up time: argparse and the legacy face only when asked for

from __future__ import annotations

import os
import sys

from licorne.config import classes, convert
from licorne.config.settings import OPTIONS, Settings
from licorne.errors import ConfigError, SettingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping
    from ipaddress import IPv4Network, IPv6Network

    from licorne.config.convert import Address
    from licorne.config.legacy import SettingsView
    from licorne.config.option import Option

    Network = IPv4Network | IPv6Network

DEFAULT = "default"
#: Of http (RFC 9110, section 4.2.1).
HTTP_PORT = 80


class Config(Settings):
    """Every setting by name (`cfg.workers`), with what gunicorn's `Config` offers beside."""

    def __init__(self, usage: str | None = None, prog: str | None = None) -> None:
        self.values: dict[str, object] = {}
        self.origins: dict[str, str] = {}
        self.usage = usage
        self.prog = prog or os.path.basename((sys.argv or [""])[0])
        self.env_orig = dict(os.environ)
        self._fill(os.environ)

    def _fill(self, environ: Mapping[str, str]) -> None:
        self.values = {name: option.initial() for name, option in OPTIONS.items()}
        self.origins = dict.fromkeys(self.values, DEFAULT)
        for name, option in OPTIONS.items():
            # A blank variable says nothing: deployment templates often leave WEB_CONCURRENCY so.
            said = environ.get(option.env, "").strip() if option.env else ""
            if said:
                value = option.env_form.format(said)
                self.set(name, value, origin=f"${option.env}")

    def set(self, name: str, value: object, origin: str = "cfg.set()") -> None:
        """Convert and keep a value; `origin` is named when it is refused, and shown to the user."""
        option = OPTIONS.get(name)
        if option is None:
            raise AttributeError(f"No configuration setting for: {name}")
        self.values[name] = converted(option, value, origin)
        self.origins[name] = origin

    def is_default(self, name: str) -> bool:
        """Whether this setting has its default, as no source has set it."""
        return self.origins[name] == DEFAULT

    def __getattr__(self, name: str) -> object:
        # Reached only for names that are not declared here: settings registered by third parties.
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(f"No configuration setting for: {name}") from None

    def __str__(self) -> str:
        from licorne.config.show import listing

        return listing(self)

    def parser(self) -> ArgumentParser:
        """A command-line parser that knows every flag."""
        from licorne.config.cli import parser

        return parser(self.usage, self.prog)

    def validate(self) -> None:
        """Raise a ConfigError for the rules that the settings together break, or warn."""
        from licorne.config.check import complaints, warnings

        broken = list(complaints(self))
        for said in warnings(self):
            print(f"Warning: {said}", file=sys.stderr)
        if broken:
            raise ConfigError("\nError: ".join(broken))

    def get_cmd_args_from_env(self) -> list[str]:
        """The words of $GUNICORN_CMD_ARGS."""
        from licorne.config.sources import environment_words

        return environment_words("GUNICORN_CMD_ARGS")

    @property
    def settings(self) -> SettingsView:
        """The settings as gunicorn's mapping of name to setting object."""
        from licorne.config.legacy import SettingsView

        return SettingsView(self)

    @property
    def worker_class_str(self) -> str:
        """The kind of worker as the start-up line names it."""
        uri = classes.worker_uri(self.values["worker_class"], self.threads)
        return uri.__name__ if isinstance(uri, type) else str(uri)

    @property
    def address(self) -> list[Address]:
        """The addresses of `bind`, parsed."""
        return [convert.address(each) for each in self.bind]

    @property
    def redirect_addresses(self) -> list[Address]:
        """The addresses of `redirect_http`, parsed."""
        return [convert.address(each, HTTP_PORT) for each in self.redirect_http]

    @property
    def listen_addresses(self) -> list[Address]:
        """All addresses at which workers accept clients."""
        return self.address + self.redirect_addresses

    @property
    def metrics_address(self) -> Address | None:
        """The address of `metrics_bind`, parsed; None when it is empty."""
        return convert.metrics_address(self.metrics_bind)

    def forwarded_allow_networks(self) -> list[Network]:
        """The networks of `forwarded_allow_ips`; `*` is none."""
        return _networks(self.forwarded_allow_ips)

    def proxy_allow_networks(self) -> list[Network]:
        """The networks of `proxy_allow_ips`; `*` is none."""
        return _networks(self.proxy_allow_ips)

    @property
    def uid(self) -> int:
        """The user id of the workers."""
        return self.user

    @property
    def gid(self) -> int:
        """The group id of the workers."""
        return self.group

    @property
    def is_ssl(self) -> bool:
        """Whether the listeners speak TLS."""
        return bool(self.certfile or self.keyfile or self.certificates or self.self_signed)

    @property
    def ssl_options(self) -> dict[str, object]:
        """The settings of the SSL section."""
        return {name: self.values[name] for name, o in OPTIONS.items() if o.section == "SSL"}

    @property
    def env(self) -> dict[str, str]:
        """The variables of `raw_env`."""
        pairs = (entry.partition("=") for entry in self.raw_env)
        return {name: value for name, _, value in pairs}

    @property
    def paste_global_conf(self) -> dict[str, str]:
        """The variables of `raw_paste_global_conf`; in a name, `=` is written `\\=`."""
        hidden = "\0"
        pairs = (
            entry.replace("\\=", hidden).partition("=") for entry in self.raw_paste_global_conf
        )
        return {name.replace(hidden, "="): value.replace(hidden, "=") for name, _, value in pairs}


def _networks(names: list[str]) -> list[Network]:
    from ipaddress import ip_network

    return [ip_network(name) for name in names if name != "*"]


def converted(option: Option, value: object, origin: str) -> object:
    """The value in the declared type, or a ConfigError that says all there is to say."""
    if (
        value is None
        and not option.type.startswith(("list", "object"))
        and "None" not in option.type
    ):
        # Files say `loglevel = os.environ.get("LEVEL")`: nothing was said.
        return option.initial()
    convert_value = option.convert or convert.BY_TYPE[option.type]
    try:
        result = convert_value(value)
        convert.one_of(result, option.choices)
    except (OverflowError, TypeError, ValueError) as error:
        where = f" (from {origin})"
        raise SettingError(f"Invalid value for {option.name}: {value!r}{where}: {error}") from None
    return result
