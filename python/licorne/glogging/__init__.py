"""The logs: gunicorn's `Logger` with its names, over the standard library's loggers.

`gunicorn.error`, `gunicorn.access` and `gunicorn.http` carry the messages; `licorne.error` and so
on are the same logger objects. Rarely used names of gunicorn's module are loaded on demand.
"""

from __future__ import annotations

from licorne import ondemand
from licorne.glogging.atoms import SafeAtoms
from licorne.glogging.handlers import loggers
from licorne.glogging.logger import Logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.glogging.dictconfig import CONFIG_DEFAULTS as CONFIG_DEFAULTS
    from licorne.glogging.json import JsonFormatter as JsonFormatter
    from licorne.glogging.syslog import SYSLOG_FACILITIES as SYSLOG_FACILITIES
    from licorne.glogging.syslog import parse_syslog_address as parse_syslog_address

__all__ = [
    "CONFIG_DEFAULTS", "SYSLOG_FACILITIES", "JsonFormatter", "Logger", "SafeAtoms", "loggers",
    "parse_syslog_address",
]  # fmt: skip

#: Rarely used names.
__getattr__: Callable[[str], object] = ondemand.names(
    __name__,
    {
        "CONFIG_DEFAULTS": "licorne.glogging.dictconfig",
        "JsonFormatter": "licorne.glogging.json",
        "SYSLOG_FACILITIES": "licorne.glogging.syslog",
        "parse_syslog_address": "licorne.glogging.syslog",
    },
)
