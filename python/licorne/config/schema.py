"""`--schema`: a JSON schema of the settings, for editors of `licorne.toml`."""

from __future__ import annotations

import json

from licorne.config import convert
from licorne.config.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from licorne.config.option import Option

#: What stands for an annotation; anything else is written as text (classes, hooks, addresses).
TYPES: dict[str, dict[str, object]] = {
    "bool": {"type": "boolean"},
    "bool | None": {"type": "boolean"},
    "int": {"type": "integer", "minimum": 0},
    "float": {"type": "number", "minimum": 0},
    "list[str]": {"type": ["array", "string"], "items": {"type": "string"}},
    "dict[str, object]": {"type": "object"},
    "dict[str, str]": {"type": "object", "additionalProperties": {"type": "string"}},
    # Seconds by path prefix.
    "dict[str, float]": {
        "type": "object",
        "propertyNames": {"pattern": "^/"},
        "additionalProperties": {"type": "number", "minimum": 0},
    },
}


def text() -> str:
    """The schema as a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, object]:
    """The schema of a file of settings: one property for each, and nothing else."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of licorne",
        "type": "object",
        "additionalProperties": False,
        # A file cannot name itself.
        "properties": {n: _property(o) for n, o in sorted(OPTIONS.items()) if n != "config"},
    }


def _property(option: Option) -> dict[str, object]:
    made: dict[str, object] = {"description": option.brief, **_type(option)}
    default = option.default
    if option.factory is None and default is not None and not callable(default):
        made["default"] = default
    return made


def _type(option: Option) -> Mapping[str, object]:
    if option.choices:
        # A switch that grew words takes both.
        return {"enum": [*option.choices, *((True, False) if option.const else ())]}
    if isinstance(option.convert, convert.Within):
        return {"type": "integer", "minimum": option.convert.least, "maximum": option.convert.most}
    if option.convert is convert.share:
        return {"type": "number", "minimum": 0, "maximum": 1}
    known = TYPES.get(option.type, {"type": "string"})
    if option.convert is not None and option.type in {"int", "float"}:
        # Names of users, octal modes, sizes with a unit.
        return {"type": [str(known["type"]), "string"], "minimum": 0}
    return known
