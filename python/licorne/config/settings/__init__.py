"""All settings of the server: `Settings` joins the sections; `OPTIONS` lists the declarations."""

from __future__ import annotations

from licorne.config.option import Option, Section
from licorne.config.settings.control import Control
from licorne.config.settings.debug import Debugging
from licorne.config.settings.dirty import Dirty, DirtyHooks
from licorne.config.settings.hooks import Hooks
from licorne.config.settings.http import Http
from licorne.config.settings.logs import Logs
from licorne.config.settings.mechanics import ConfigFile, Mechanics, ProcessNaming
from licorne.config.settings.metrics import Metrics
from licorne.config.settings.socket import Security, ServerSocket
from licorne.config.settings.tls import Http2, Ssl
from licorne.config.settings.workers import Workers


class Settings(
    ConfigFile,
    ServerSocket,
    Workers,
    Security,
    Http,
    Debugging,
    Mechanics,
    Logs,
    ProcessNaming,
    Ssl,
    Http2,
    Control,
    Metrics,
    Hooks,
    Dirty,
    DirtyHooks,
):
    """Each setting as an attribute of its own type."""


def declared(cls: type[Section]) -> dict[str, Option]:
    """The options of a section class and its bases, in the order of the manual."""
    return {
        name: value
        for base in cls.__mro__
        for name, value in vars(base).items()
        if isinstance(value, Option)
    }


#: Every setting by name. Third parties add theirs through `legacy.Setting`.
OPTIONS: dict[str, Option] = declared(Settings)
