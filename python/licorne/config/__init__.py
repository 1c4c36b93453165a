"""The configuration: declarations in `settings`, values and origins in `config`, the rest folds.

The names of gunicorn's config module are offered here; the rarely used ones are loaded on demand.
"""

from __future__ import annotations

from licorne.config.config import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config.legacy import KNOWN_SETTINGS as KNOWN_SETTINGS
    from licorne.config.legacy import Setting as Setting
    from licorne.config.legacy import get_default_config_file as get_default_config_file
    from licorne.config.legacy import make_settings as make_settings

__all__ = ["KNOWN_SETTINGS", "Config", "Setting", "get_default_config_file", "make_settings"]


def __getattr__(name: str) -> object:
    """Load gunicorn's rarely used names when they are asked for."""
    from importlib import import_module  # noqa: PLC0415 - on demand

    if name in __all__:
        return getattr(import_module("licorne.config.legacy"), name)
    if name.startswith("validate_"):
        return getattr(import_module("licorne.config.validators"), name)
    if name[0].isupper():
        return import_module("licorne.config.legacy").setting_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
