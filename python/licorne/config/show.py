"""`--print-config`: every setting with its value, and where it came from unless it is the default.

A line is `name = value`, as people's scripts expect; the origin follows as a comment.
"""

from __future__ import annotations

from licorne.config.settings import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config.config import Config

WIDTH = max(map(len, OPTIONS))


def listing(cfg: Config) -> str:
    """The settings, one a line, sorted by name."""
    lines = []
    for name in sorted(cfg.values):
        origin = "" if cfg.is_default(name) else f"  # {cfg.origins[name]}"
        lines.append(f"{name:<{WIDTH}} = {shown(cfg.values[name])}{origin}")
    return "\n".join(lines) + "\n"


def shown(value: object) -> str:
    """A value as text; functions by their name, since their address says nothing."""
    if callable(value):
        name = getattr(value, "__qualname__", repr(value))
        return name if isinstance(value, type) else f"<{name}()>"
    # Names of files may have bytes that are no text, and a terminal takes only text.
    return str(value).encode("utf-8", "backslashreplace").decode()
