"""What a command gives: data at once, data later, or a refusal."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from licorne.ctl.protocol import Json

    #: Called once with the outcome of a `Later`, from the master's loop.
    Then = Callable[["Json | Refused"], None]


class Refused(Exception):  # noqa: N818 - an answer more than an error
    """Why a command is not carried out, in words for its user."""


class Later:
    """An answer that comes later: `begin(then)` asks for it."""

    def __init__(self, begin: Callable[[Then], None]) -> None:
        self.begin = begin


if TYPE_CHECKING:
    Answer = Json | Later
