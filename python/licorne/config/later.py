"""What to say about a setting of a feature that this version does not have yet.

Such settings are declared already (`later` of their declaration). Those that switch a feature on
(`check.SWITCHES`) are refused: a server that ignores them would do something else than asked.
"""

from __future__ import annotations

from licorne import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne.config.option import Option

#: What to do instead, by feature.
INSTEAD = {
    "dirty workers": "use a task queue meanwhile",
}


def complaint(option: Option, value: object, origin: str) -> str:
    """The refusal of a value other than the default."""
    return (
        f"{option.name} is not available yet in licorne {__version__}: {option.later} is still to "
        f"come ({option.name} is {value!r}, from {origin}). "
        f"Remove the setting; {INSTEAD[option.later]}."
    )
