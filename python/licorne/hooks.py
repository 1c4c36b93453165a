"""Calling the user's hooks: what one raises while the server serves is logged, and ends nothing.

gunicorn lets it end the server. Only an exception that asks for an end (SystemExit, HaltServer)
does so here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import TypeVarTuple, Unpack

    from licorne.glogging import Logger

    Ts = TypeVarTuple("Ts")


class HookError(Exception):
    """A hook without which something cannot go on has raised; the cause is chained."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"the hook {name} raised {error!r}")


def call(
    log: Logger, name: str, hook: Callable[[Unpack[Ts]], object], *arguments: Unpack[Ts]
) -> bool:
    """Call a hook while the server serves; False if it raised, which is logged."""
    try:
        hook(*arguments)
    except Exception:
        # The user's code: whatever it raises, the server serves on.
        log.exception("The hook %s raised; the server goes on", name)
        return False
    return True


def require(name: str, hook: Callable[[Unpack[Ts]], object], *arguments: Unpack[Ts]) -> None:
    """Call a hook that must succeed: what it raises is raised again, with the hook's name."""
    try:
        hook(*arguments)
    except Exception as error:
        raise HookError(name, error) from error
