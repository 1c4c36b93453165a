"""gunicorn's classes of `--reload`, for programs that start one themselves or add one of their own.

Nothing of the server itself uses this file; `licorne.reloader` loads it when one of its names is
asked for.
"""

from __future__ import annotations

from licorne.config.settings import OPTIONS
from licorne.reloader import Watcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Reloader(Watcher):
    """Calls back with the path of each changed file, from when it is started.

    Subclasses may say in `get_files` what is watched. The pause is always a second.
    """

    engine = "poll"

    def __init__(
        self,
        extra_files: Iterable[str] | None = None,
        interval: float = 1,
        callback: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(tuple(extra_files or ()), self.engine, callback)
        self._interval = interval
        # It is not told when the application is loaded: it is started then.
        self._loaded.set()

    def get_files(self) -> list[str]:
        """What is watched now."""
        return sorted(super().files())

    def files(self) -> set[str]:
        """What is watched now, as a subclass may say."""
        return {*self.get_files(), *self._suspects}


ReloaderBase = Reloader


class _Auto(Reloader):
    engine = "auto"


class _Inotify(Reloader):
    engine = "inotify"


class Engines(dict[str, type[Reloader]]):
    """The classes by the values of `reload_engine`; a class that is put in makes its name one."""

    def __setitem__(self, name: str, engine: type[Reloader]) -> None:
        super().__setitem__(name, engine)
        option = OPTIONS["reload_engine"]
        if name not in option.choices:
            option.choices = (*option.choices, name)

    def added(self, name: str) -> type[Reloader] | None:
        """The class of a name that does not stand for one of those here."""
        engine = self.get(name)
        return engine if engine not in {_Auto, _Inotify, Reloader} else None


reloader_engines = Engines(auto=_Auto, inotify=_Inotify, poll=Reloader)
preferred_reloader = _Auto
