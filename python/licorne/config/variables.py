"""A variable of the environment for each setting: `LICORNE_WORKERS=4`.

Lists are separated by commas, or are JSON as dicts are (`request_timeout_paths` is either);
switches are true or false, yes or no, on or off, 1 or 0. A blank variable says nothing.
"""

from __future__ import annotations

import os

from licorne.config.nearest import suggestion
from licorne.config.settings import OPTIONS
from licorne.config.sources import PREFIX, WORD_VARIABLES, Source
from licorne.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from licorne.config.option import Option

#: How JSON begins, by type, where there is a form with commas too; `[::1]:8000` is an address.
_LIST = ('["', "['", "[]")
JSON = {"list": _LIST, "list[str]": _LIST, "dict[str, float]": ("{",)}

SWITCH = {"1": "true", "yes": "true", "on": "true", "0": "false", "no": "false", "off": "false"}


def from_variables() -> Iterator[Source]:
    """A source for each variable, in the order of their names."""
    for variable, value in sorted(os.environ.items()):
        if not variable.startswith(PREFIX) or variable in WORD_VARIABLES or not value.strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in OPTIONS:
            yield Source(f"${variable}", {name: _read(variable, OPTIONS[name], value.strip())})
        elif not _of_kubernetes(variable, value):
            raise ConfigError(
                f"${variable} is {value!r}, and there is no setting {name!r}."
                f"{suggestion(name)} Rename or remove the variable."
            )


def _of_kubernetes(variable: str, value: str) -> bool:
    """Variables that a pod gets because some service of its namespace is called licorne."""
    rest = variable.removeprefix(PREFIX)
    return rest.startswith(("SERVICE_HOST", "SERVICE_PORT", "PORT_")) or (
        rest == "PORT" and "://" in value
    )


def _read(variable: str, option: Option, value: str) -> object:
    if option.type == "bool":
        return SWITCH.get(value.lower(), value)
    if not option.type.startswith(("list", "dict[")):
        return value
    if value.startswith(JSON.get(option.type, ("",))):
        import json  # noqa: PLC0415 - hardly ever

        try:
            read: object = json.loads(value)
        except ValueError as error:
            raise ConfigError(f"Cannot read ${variable} as JSON: {value!r}: {error}") from error
        return read
    return [part.strip() for part in value.split(",") if part.strip()]
