"""The event loop of an asgi worker (`asgi_loop`)."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec

from licorne.errors import StartFailed

#: What takes the place of `auto` when it is installed.
FASTER = "uvloop"


def complaint(setting: str) -> str:
    """Why no loop can come of this value, as far as that is known without importing; or nothing."""
    module, colon, _ = setting.partition(":")
    if setting == FASTER and find_spec(FASTER) is None:
        return "uvloop is not installed: pip install uvloop, or give auto or asyncio"
    # Of a module in a package only the package: to look for the module would import that.
    package = module.partition(".")[0]
    if colon and find_spec(package) is None:
        return f"there is no module {package!r}: give MODULE:FACTORY, auto, asyncio or uvloop"
    return ""


def new_loop(setting: str) -> asyncio.AbstractEventLoop:
    """A loop of the kind that `asgi_loop` asks for; StartFailed says why there is none."""
    if setting == "asyncio" or (setting == "auto" and find_spec(FASTER) is None):
        return asyncio.new_event_loop()
    path = f"{FASTER}:new_event_loop" if setting in {"auto", FASTER} else setting
    try:
        loop = _factory(path)()
    except Exception as error:
        # A module of the user's, or an installation that does not fit this interpreter.
        said = complaint(setting) or f"{type(error).__name__}: {error}"
        raise StartFailed(f"asgi_loop is {setting!r}, and no loop came of it: {said}") from error
    if not isinstance(loop, asyncio.AbstractEventLoop):
        raise StartFailed(
            f"asgi_loop is {setting!r}, and what it has made is no event loop: {loop!r}; "
            "give the MODULE:FACTORY of a function that returns an asyncio.AbstractEventLoop"
        )
    return loop


def _factory(path: str) -> Factory:
    module, _, name = path.partition(":")
    found: Factory = import_module(module)  # type: ignore[assignment]
    for part in name.split("."):
        found = getattr(found, part)
    return found


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[], object]
