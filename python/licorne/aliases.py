"""`import gunicorn` in a process of licorne: each `gunicorn.x` is the module object `licorne.x`.

Configuration files, worker classes and loggers written for gunicorn meet the running server, also
when gunicorn itself is installed beside it. `gunicorn` is a module of its own, because programs
compare its version: it names the release whose contract licorne keeps.
"""

# ruff: noqa: PLC0415 - nothing of the import system is needed unless somebody says gunicorn

from __future__ import annotations

import sys

import licorne

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    from licorne.glogging import Logger

#: The release of gunicorn whose settings, hooks, classes and messages are offered.
CONTRACT = (27, 0, 1)
NAME = "gunicorn"


class Finder:
    """Finds `gunicorn` and all below it; first on `sys.meta_path`, and its own loader."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a name of gunicorn's; None for any other, and for what licorne lacks."""
        if name != NAME and not name.startswith(NAME + "."):
            return None
        from importlib.machinery import ModuleSpec
        from importlib.util import find_spec

        if name != NAME and find_spec(ours(name)) is None:
            return None
        # A loader by its methods: the base class would have to be imported at each start.
        loader: Loader = self  # type: ignore[assignment]
        return ModuleSpec(name, loader, is_package=name == NAME)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """licorne's module of that name; the package itself is made here."""
        from importlib import import_module
        from types import ModuleType

        if spec.name != NAME:
            module = import_module(ours(spec.name))
            # The import system is about to write the alias's spec into the module.
            self._specs[spec.name] = module.__spec__
            return module
        module = ModuleType(NAME, licorne.__doc__)
        version = ".".join(map(str, CONTRACT))
        names = {"version_info": CONTRACT, "__version__": version, "SERVER": NAME}
        module.__dict__.update(names, SERVER_SOFTWARE=f"{NAME}/{version}", __path__=[])
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already, under its own name, and keeps its own spec."""
        spec = module.__spec__
        if spec is not None and spec.name in self._specs:
            module.__spec__ = self._specs.pop(spec.name)

    def get_code(self, name: str) -> CodeType | None:
        """The code of a module that is run as a program (`python -m gunicorn`)."""
        from importlib.abc import InspectLoader
        from importlib.util import find_spec

        spec = find_spec(ours(name))
        loader = None if spec is None else spec.loader
        return loader.get_code(ours(name)) if isinstance(loader, InspectLoader) else None


def ours(name: str) -> str:
    """licorne's name for a module of gunicorn's."""
    return licorne.__name__ + name.removeprefix(NAME)


def install() -> None:
    """Let every later import of gunicorn's names in this process mean licorne; once is enough."""
    if any(isinstance(each, Finder) for each in sys.meta_path):
        return
    for name in [each for each in sys.modules if each == NAME or each.startswith(NAME + ".")]:
        # The real one, imported before: who holds it keeps it, who imports it now meets licorne.
        del sys.modules[name]
    sys.meta_path.insert(0, Finder())


def hidden() -> str | None:
    """The folder of a real gunicorn beside licorne, once somebody has imported it in vain."""
    if NAME not in sys.modules:
        return None
    import os
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(NAME)
    folders = [] if spec is None else spec.submodule_search_locations or []
    # The distribution `compat/` has nothing but names: no arbiter.
    return next((at for at in folders if os.path.exists(os.path.join(at, "arbiter.py"))), None)


def tell_hidden(log: Logger) -> None:
    """Say once, in the log, that imports of gunicorn do not mean the one that is installed."""
    at = None if getattr(sys.modules.get(NAME), "_told", False) else hidden()
    if at is not None:
        setattr(sys.modules[NAME], "_told", True)  # noqa: B010 - a module has no such attribute
        log.info("`import gunicorn` means licorne in this server, not the gunicorn in %s", at)
