"""Fold sources into a configuration, then check it as a whole."""

from __future__ import annotations

from licorne.config.check import complaints
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config.config import Config
    from licorne.config.sources import Source


def apply(cfg: Config, source: Source) -> None:
    """Set what the source gives; a bad value is refused with the source's name."""
    for name, value in source.values.items():
        cfg.set(name.lower(), value, origin=source.origin)


def check(cfg: Config) -> None:
    """Raise for the rules that the settings together break."""
    broken = list(complaints(cfg))
    if broken:
        raise ConfigError("\nError: ".join(broken))
