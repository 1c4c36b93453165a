"""Notices that a file of the application has changed (`--reload`).

A thread in each worker, because only the worker knows what it has imported. Changes are decided by
one comparison of file times and sizes; the engines differ in how they wait for the next look.
"""

# ruff: noqa: PLC0415 - watchfiles only when it is used

from __future__ import annotations

import _thread
import glob
import os
import sys
import threading
from importlib import import_module
from types import BuiltinFunctionType

from licorne import ondemand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Protocol

    from licorne.glogging import Logger

    class Watch(Protocol):
        """What is used of `watchfiles.watch`."""

        def __call__(
            self,
            *paths: str,
            watch_filter: None,
            debounce: int,
            step: int,
            stop_event: threading.Event,
            rust_timeout: int,
            yield_on_timeout: bool,
            raise_interrupt: bool,
            recursive: bool,
            ignore_permission_denied: bool,
        ) -> Iterator[object]: ...

    #: Time and size of a file; None when it is not there.
    Look = tuple[int, int] | None

#: Seconds between two looks (gunicorn's number).
INTERVAL = 1.0
#: The same while the application is loading: a file that is saved again meanwhile counts.
WHILE_LOADING = 0.1
#: For watchfiles, in milliseconds: how long a quiet moment is, and how long it waits at most.
QUIET_MS = 200
PATIENCE_MS = 1000


class Watcher(threading.Thread):
    """Calls back with the path of each file that has changed since it was first seen.

    Started before the application is loaded; it says nothing until `loaded` is called.
    """

    def __init__(
        self,
        extra_files: Sequence[str],
        engine: str = "auto",
        callback: Callable[[str], None] | None = None,
        log: Logger | None = None,
    ) -> None:
        super().__init__(name="licorne-reloader", daemon=True)
        #: Paths and patterns. Replaced as a whole, never changed, as other threads look at it.
        self._extra_files = frozenset(extra_files)
        self._callback = callback
        #: Files that a failed start has named. Replaced as a whole, never changed.
        self._suspects: frozenset[str] = frozenset()
        #: A change has been told.
        self.told = False
        self._memory = Memory()
        #: One look at a time: by this thread, and by the one that loads.
        self._looking = threading.Lock()
        self._changed: str | None = None
        self._loaded = threading.Event()
        self._stopped = threading.Event()
        self._wait = waiting(engine, self._stopped, log)

    def loaded(self, suspects: Iterable[str] = ()) -> None:
        """The application is loaded, or has failed: then watch what may be the cause, too."""
        self._suspects = frozenset(suspects)
        # Before they can be repaired: what is not there yet is remembered as missing.
        self._memory.expect(self._suspects)
        # Before it is seen that the application is loaded, and a file of it changes.
        self._look()
        self._loaded.set()

    def add_extra_file(self, filename: str) -> None:
        """Watch one file more (gunicorn's name, for hooks)."""
        self._extra_files |= {filename}

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        self._loaded.set()

    def files(self) -> set[str]:
        """What is watched now."""
        return module_files() | expanded(self._extra_files) | self._suspects

    def run(self) -> None:
        """Look until stopped; a change that was seen while loading is told afterwards."""
        while not self._loaded.wait(WHILE_LOADING):
            self._look()
        while not self._stopped.is_set():
            files = self._look()
            changed, self._changed = self._changed, None
            if changed is not None and self._callback is not None:
                self.told = True
                self._callback(changed)
            self._wait(files)

    def _look(self) -> set[str]:
        files = self.files()
        with self._looking:
            self._changed = self._memory.look(files) or self._changed
        return files


class Memory:
    """How each file looked when it was last seen."""

    def __init__(self) -> None:
        self._seen: dict[str, Look] = {}

    def expect(self, files: Iterable[str]) -> None:
        """Remember how these look now, also that one is missing: it may come."""
        for path in files:
            self._seen.setdefault(path, look(path))

    def look(self, files: Iterable[str]) -> str | None:
        """One of the files that changed since the last look. A new file is no change, only news."""
        changed = None
        for path in sorted(files):
            now = look(path)
            # Editors replace a file by another one: for a moment it is missing.
            if now is not None:
                if path in self._seen and self._seen[path] != now:
                    changed = path
                self._seen[path] = now
        return changed


def look(path: str) -> Look:
    """Time and size: enough to see a change, also one within the resolution of the clock."""
    try:
        found = os.stat(path)
    except OSError:
        # Missing or out of reach: that is what we wanted to know.
        return None
    return found.st_mtime_ns, found.st_size


def module_files() -> set[str]:
    """The source of every module that this process has imported."""
    files = (getattr(module, "__file__", None) for module in tuple(sys.modules.values()))
    return {_source(path) for path in files if isinstance(path, str)}


def _source(path: str) -> str:
    return path[:-1] if path.endswith((".pyc", ".pyo")) else path


def is_pattern(entry: str) -> bool:
    """Whether an extra file is a pattern and not a path."""
    return glob.has_magic(entry)


def expanded(entries: Iterable[str]) -> set[str]:
    """The files that paths and patterns name at this moment."""
    files: set[str] = set()
    for entry in entries:
        files.update(glob.glob(entry, recursive=True) if is_pattern(entry) else (entry,))
    return files


def folders(files: set[str]) -> set[str]:
    """Where changes of these files show: beside the file, and beside what a link points to."""
    places = {os.path.dirname(os.path.abspath(path)) for path in files}
    places |= {os.path.dirname(os.path.realpath(path)) for path in files if os.path.islink(path)}
    return {each for each in places if os.path.isdir(each)}


def waiting(
    engine: str, stopped: threading.Event, log: Logger | None
) -> Callable[[set[str]], None]:
    """The way to wait for the next look that this engine stands for."""
    native = threads_are_native()
    if engine != "poll" and native and has_watchfiles():
        return _Told(stopped, log)
    if engine == "inotify" and log is not None:
        why = (
            "needs the package watchfiles, which is not installed"
            if native
            else "would keep greenlets from running"
        )
        log.warning("reload_engine 'inotify' %s: files are looked at each second instead.", why)
    return _pausing(stopped)


def threads_are_native() -> bool:
    """Whether a thread that waits in native code lets the others run; gevent and eventlet make
    greenlets of threads."""
    return isinstance(_thread.start_new_thread, BuiltinFunctionType)


def has_watchfiles() -> bool:
    """Whether the kernel can tell of changes, through the package watchfiles."""
    from importlib.util import find_spec

    return find_spec("watchfiles") is not None


def _pausing(stopped: threading.Event) -> Callable[[set[str]], None]:
    def pause(_files: set[str]) -> None:
        stopped.wait(INTERVAL)

    return pause


class _Told:
    """Waits until something happens in the folders of the files, or a second has passed."""

    def __init__(self, stopped: threading.Event, log: Logger | None) -> None:
        self._stopped = stopped
        self._log = log
        self._folders: set[str] = set()
        self._changes: Iterator[object] = iter(())
        self._without = _pausing(stopped)
        self._broken = False

    def __call__(self, files: set[str]) -> None:
        wanted = folders(files)
        if wanted != self._folders:
            # A module was imported from elsewhere, or a pattern has found a new folder.
            self._folders = wanted
            self._changes = self._watch(wanted)
        if self._broken:
            self._without(files)
            return
        try:
            # Whatever it is that happened, the next look decides.
            next(self._changes, None)
        except (OSError, RuntimeError) as error:
            # Out of inotify watches, mostly (/proc/sys/fs/inotify/max_user_watches).
            self._broken = True
            if self._log is not None:
                self._log.warning(
                    "Cannot watch folders (%s): files are looked at each second instead", error
                )

    def _watch(self, wanted: set[str]) -> Iterator[object]:
        # By name: an optional package is no dependency of the type check.
        watch: Watch = import_module("watchfiles").watch
        return watch(
            *sorted(wanted),
            watch_filter=None,
            debounce=1000,
            step=QUIET_MS,
            stop_event=self._stopped,
            rust_timeout=PATIENCE_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )


#: gunicorn's classes.
__getattr__: Callable[[str], object] = ondemand.names_of(__name__, "licorne.legacy.reloader")
