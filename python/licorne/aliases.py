"""`import gunicorn` in a process of licorne: each `gunicorn.x` is the module object `licorne.x`.

Configuration files, worker classes and loggers written for gunicorn meet the running server, also
when gunicorn itself is installed beside it. `gunicorn` is a module of its own, because programs
compare its version: it names the release whose contract licorne keeps.

Agents (New Relic's, ddtrace's, all that use wrapt) put finders on `sys.meta_path` that wait for
gunicorn's names. Those finders stay before ours, and see each name imported.
"""

# ruff: noqa: PLC0415 - nothing of the import system is needed before gunicorn is imported

from __future__ import annotations

import os
import sys

import licorne

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    from licorne.glogging import Logger
else:
    # Python's own class, without the cost of importing importlib.machinery.
    ModuleSpec = type(licorne.__spec__)

NAME = "gunicorn"
#: The names that agents wait for; gunicorn itself imports them all before it serves.
HOOKED = ("gunicorn.app.base", "gunicorn.app.wsgiapp", "gunicorn.http.wsgi")
#: `SERVER_SOFTWARE` as long as no program has assigned another.
_SOFTWARE = licorne.SERVER_SOFTWARE
#: Where the finders are that are Python's own.
_MACHINERY = "_frozen_importlib"


class Spec(ModuleSpec):
    """Where a module of gunicorn's comes from. An import hook may put a loader around ours.

    Hooks know the module that was loaded by its `__name__`, and that is licorne's: a loader that
    is put around ours runs while the module has the name that was imported.
    """

    @property
    def loader(self) -> Loader | None:
        """What loads the module."""
        return self._loader

    @loader.setter
    def loader(self, loader: Loader | None) -> None:
        # Not isinstance: the loaders of some hooks say that they are what they are put around.
        if loader is not None and type(loader) not in {Finder, Named}:
            loader = Named(loader, self.name)  # type: ignore[assignment]
        self._loader = loader


class Named:
    """The loader of an import hook, which sees the module under gunicorn's name."""

    def __init__(self, loader: Loader, name: str) -> None:
        self._around = loader
        self._name = name

    def __getattr__(self, name: str) -> object:
        return getattr(self._around, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Ask the loader."""
        return self._around.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Let the loader run, and its hooks."""
        name, loader = module.__name__, module.__loader__
        module.__name__ = self._name
        try:
            self._around.exec_module(module)
        finally:
            # Some hooks set the second, too.
            module.__name__, module.__loader__ = name, loader


class Finder:
    """Finds `gunicorn` and all below it, before Python's own finders do; its own loader."""

    #: Whether the program came by the package of that name that `compat/` installs.
    by_package = False

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a name of gunicorn's; None for any other, and for what licorne lacks."""
        if name != NAME and not name.startswith(NAME + "."):
            return None
        from importlib.util import find_spec

        found = find_spec(ours(name))
        if found is None:
            return None
        # A loader by its methods: the base class would have to be imported at each start.
        loader: Loader = self  # type: ignore[assignment]
        # Where a program lies is its name in `sys.argv` (`python -m gunicorn`).
        return Spec(name, loader, origin=found.origin, is_package=name == NAME)

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
        module.__dict__.update(
            version_info=licorne.CONTRACT,
            __version__=licorne.CONTRACT_VERSION,
            SERVER=NAME,
            SERVER_SOFTWARE=licorne.SERVER_SOFTWARE,
            __path__=[],
        )
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
        # The real one, imported before: modules that hold it keep it, later imports get licorne.
        del sys.modules[name]
    sys.meta_path.insert(len(_hooks()), Finder())


def _hooks() -> list[object]:
    """The finders in front of Python's own, and of ours: import hooks."""
    found: list[object] = []
    for each in sys.meta_path:
        if isinstance(each, Finder) or str(getattr(each, "__module__", "")).startswith(_MACHINERY):
            break
        found.append(each)
    return found


def meet_hooks() -> None:
    """Import the names that import hooks wait for: here nothing else may ever import them.

    They are those of the modules that are loaded already, and those that agents usually wait for.
    """
    hooks = _hooks()
    # Without ours, the names would mean a gunicorn that is installed.
    if not hooks or not any(isinstance(each, Finder) for each in sys.meta_path):
        return
    own = licorne.__name__ + "."
    loaded = [NAME + "." + each.removeprefix(own) for each in sys.modules if each.startswith(own)]
    for name in (*HOOKED, *(each for each in loaded if "._" not in each)):
        if name not in sys.modules and any(_waits(each, name) for each in hooks):
            from importlib import import_module

            import_module(name)


def _waits(hook: object, name: str) -> bool:
    """Whether an import hook has something to do with a name."""
    find = getattr(hook, "find_spec", None)
    # As the import system asks: without the package's folders, a finder of files would look for
    # the last part of the name alone.
    package = sys.modules.get(ours(name).rpartition(".")[0])
    folders: list[str] = [] if package is licorne else getattr(package, "__path__", [])
    return find is not None and find(name, folders) is not None


def software(*others: str) -> str:
    """`SERVER_SOFTWARE`, as a program may have assigned it: to the package, or to `others`."""
    alias = getattr(sys.modules.get(NAME), "SERVER_SOFTWARE", _SOFTWARE)
    given = (*others, licorne.SERVER_SOFTWARE, alias)
    return next((str(each) for each in given if each != _SOFTWARE), _SOFTWARE)


def product(prog: str) -> str:
    """What the server calls itself: by the name of its command, or of the package it came with."""
    said = os.path.basename(prog)
    usual = NAME if Finder.by_package else licorne.__name__
    return next((name for name in (NAME, licorne.__name__) if said.startswith(name)), usual)


def title(prog: str) -> str:
    """Name and version, as in the first line of the log."""
    own = f"{licorne.__name__} {licorne.__version__}"
    return f"{NAME} {licorne.CONTRACT_VERSION} ({own})" if product(prog) == NAME else own


def hidden() -> str | None:
    """The folder of a real gunicorn beside licorne, once it was imported in vain."""
    if NAME not in sys.modules:
        return None
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
