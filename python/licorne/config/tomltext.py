"""Settings as TOML text, for the commands that write a `licorne.toml`."""

from __future__ import annotations

import json
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def line(name: str, value: object) -> str:
    """`name = value`; a ValueError says what TOML cannot hold."""
    return f"{name} = {written(value)}"


def written(value: object) -> str:
    """A value in TOML 1.0; tables are written in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        # Half a surrogate pair is no text: a ValueError, too.
        value.encode()
        # TOML's basic strings have JSON's escapes, and want one more (TOML 1.0, section String).
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        pairs = [f"{written(str(key))} = {written(each)}" for key, each in value.items()]
        return f"{{{', '.join(pairs)}}}"
    raise ValueError(f"TOML has no value for {value!r}")


def comment(lines: Iterable[str]) -> str:
    """Lines of comment, in which no control character can end them."""
    cleaned = ("".join(c if c.isprintable() else " " for c in each).rstrip() for each in lines)
    return "\n".join(f"# {each}".rstrip() for each in cleaned)
