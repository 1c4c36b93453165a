"""A user's logging configuration: a dict, a JSON file, or an ini file, in this order."""

from __future__ import annotations

import json
import logging.config
import os
from configparser import Error as BadIni

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config import Config

#: What the standard library raises for a configuration that cannot be used.
REFUSALS = (
    AttributeError, BadIni, ImportError, KeyError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip

#: What a dict or JSON configuration is laid over, at its top level (gunicorn's values).
CONFIG_DEFAULTS: dict[str, object] = {
    "version": 1,
    "disable_existing_loggers": False,
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {
        "gunicorn.error": {
            "level": "INFO",
            "handlers": ["error_console"],
            "propagate": True,
            "qualname": "gunicorn.error",
        },
        "gunicorn.access": {
            "level": "INFO",
            "handlers": ["console"],
            "propagate": True,
            "qualname": "gunicorn.access",
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stdout",
        },
        "error_console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        },
    },
    "formatters": {
        "generic": {
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": "[%Y-%m-%d %H:%M:%S %z]",
            "class": "logging.Formatter",
        }
    },
}


def configure(cfg: Config) -> None:
    """Apply the first of the three that is set; a RuntimeError says what is wrong with it."""
    try:
        if cfg.logconfig_dict:
            setting = "logconfig_dict"
            logging.config.dictConfig({**CONFIG_DEFAULTS, **cfg.logconfig_dict})
        elif cfg.logconfig_json:
            setting = f"logconfig_json {cfg.logconfig_json!r}"
            _from_json(cfg.logconfig_json)
        elif cfg.logconfig:
            setting = f"logconfig {cfg.logconfig!r}"
            _from_ini(cfg.logconfig)
    except REFUSALS as error:
        origin = cfg.origins[setting.partition(" ")[0]]
        raise RuntimeError(
            f"Cannot apply the logging configuration of {setting} (from {origin}): {_said(error)}"
        ) from error


def _said(error: Exception) -> str:
    """What is wrong, with the reason that dictConfig keeps to itself."""
    if isinstance(error, KeyError):
        return f"{error} is missing."
    reason = f" ({error.__cause__})" if error.__cause__ is not None else ""
    return f"{error}{reason}"


def _from_json(path: str) -> None:
    # gunicorn ignores a file that is not there.
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            logging.config.dictConfig({**CONFIG_DEFAULTS, **json.load(file)})


def _from_ini(path: str) -> None:
    if not os.path.exists(path):
        raise RuntimeError(f"Error: log config '{path}' not found")
    here = os.path.dirname(os.path.abspath(path))
    logging.config.fileConfig(
        path, defaults={"__file__": path, "here": here}, disable_existing_loggers=False
    )
