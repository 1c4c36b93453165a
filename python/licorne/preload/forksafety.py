"""Loading an application before the workers are forked, and naming what a fork will break.

A thread exists in one process only; a socket or an epoll set that was open before the fork is
shared by all workers. Both are told with the line of code that made them, which is recorded while
the application is loaded and at no other time.
"""

from __future__ import annotations

import gc
import os
import selectors
import socket
import sys
import threading

from licorne import aliases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Protocol

    from licorne.glogging import Logger
    from licorne.workers.application import Application

    class Method(Protocol):
        """A function as a class has it."""

        def __call__(self, this: object, *args: object, **kwargs: object) -> object: ...


#: What is told at the most; code that leaves more behind has one cause for many.
MOST_TOLD = 20
UNKNOWN = "an unknown place"


def preload(app: Application, log: Logger) -> None:
    """Load the application, warn of what it left behind, and make its memory good to share."""
    aliases.meet_hooks()
    before = _descriptors()
    with Origins() as origins:
        app.wsgi()
    told = [*_threads(origins), *_files(origins, before)]
    for line in told[:MOST_TOLD]:
        log.warning("Preload: %s", line)
    if len(told) > MOST_TOLD:
        log.warning("Preload: %s more threads and descriptors like these.", len(told) - MOST_TOLD)
    # A collection in a worker would write to every object it looks at, and so unshare the page.
    gc.collect()
    gc.freeze()


class Origins:
    """Where threads, sockets and epoll sets come from, between `with` and its end."""

    def __init__(self) -> None:
        self.threads: dict[threading.Thread, str] = {}
        self.files: dict[int, str] = {}
        self._recording = False
        self._undo: list[Callable[[], None]] = []

    def __enter__(self) -> Origins:  # noqa: PYI034 - Self is newer than Python 3.10
        self._recording = True
        self._patch(threading.Thread, "start", self._started)
        self._patch(socket.socket, "__init__", self._opened)
        if hasattr(selectors, "EpollSelector"):
            self._patch(selectors.EpollSelector, "__init__", self._opened)
        return self

    def __exit__(self, *_error: object) -> None:
        self._recording = False
        for undo in reversed(self._undo):
            undo()

    def _patch(self, owner: type, name: str, note: Callable[[object], None]) -> None:
        original: Method = getattr(owner, name)

        def noted(this: object, *args: object, **kwargs: object) -> object:
            made = original(this, *args, **kwargs)
            if self._recording:
                note(this)
            return made

        def undo() -> None:
            # The application may have put something of its own around ours: that stays, and what
            # is inside it does nothing any more.
            if vars(owner).get(name) is noted:
                setattr(owner, name, original)

        setattr(owner, name, noted)
        self._undo.append(undo)

    def _started(self, thread: object) -> None:
        if isinstance(thread, threading.Thread):
            self.threads[thread] = _place(sys._getframe(2))

    def _opened(self, file: object) -> None:
        if isinstance(file, socket.socket | selectors.BaseSelector):
            number: Callable[[], int] | None = getattr(file, "fileno", None)
            if number is not None:
                self.files[number()] = _place(sys._getframe(2))


def _place(frame: FrameType | None) -> str:
    """The line of the user's own code that led here; else that of the library nearest to it."""
    library = UNKNOWN
    while frame is not None:
        path = frame.f_code.co_filename
        told = f"{os.path.relpath(path)}:{frame.f_lineno} in {frame.f_code.co_name}"
        if _is_installed(path):
            library = told if library == UNKNOWN else library
        elif not _is_ours_or_pythons(path):
            return told
        frame = frame.f_back
    return library


def _is_installed(path: str) -> bool:
    return "site-packages" in path or "dist-packages" in path


def _is_ours_or_pythons(path: str) -> bool:
    return path.startswith(("<", _STDLIB, _OURS))


_STDLIB = os.path.dirname(os.__file__) + os.sep
_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep


def _threads(origins: Origins) -> list[str]:
    mine = threading.main_thread()
    others = [each for each in threading.enumerate() if each is not mine]
    lines = [
        f"thread {each.name!r}, started at {origins.threads.get(each, UNKNOWN)}, will not run in "
        "any worker. Start it in post_fork or at the first request."
        for each in others
    ]
    # The main thread's number is the process's; before 3.13 the module threading still has the
    # number it had before the fork.
    known = {each.native_id for each in (mine, *others)} | {os.getpid()}
    native = _native_threads(known)
    if native:
        names = ", ".join(sorted(set(native.values())))
        lines.append(
            f"{len(native)} thread(s) of native code ({names}) will not run in any worker; a lock "
            "that one of them holds stays locked there."
        )
    return lines


def _native_threads(known: set[int | None]) -> dict[int, str]:
    """Threads that Python did not start, by id, with the kernel's name for them."""
    found = {}
    for entry in _entries("/proc/self/task"):
        if entry not in known:
            try:
                with open(f"/proc/self/task/{entry}/comm", encoding="utf-8", errors="replace") as f:
                    found[entry] = f.read().strip()
            except FileNotFoundError:  # it has ended meanwhile
                continue
    return found


def _files(origins: Origins, before: dict[int, str]) -> list[str]:
    lines = []
    for fd, target in _descriptors().items():
        kind = _kind(fd, target)
        if kind and before.get(fd) != target:
            lines.append(
                f"{kind}, made at {origins.files.get(fd, UNKNOWN)}, will be shared by all workers. "
                "Open it in post_fork or at the first request."
            )
    return lines


def _kind(fd: int, target: str) -> str:
    """What a descriptor is, if it is one that workers must not share."""
    if target == "anon_inode:[eventpoll]":
        return f"epoll descriptor {fd}"
    if not target.startswith("socket:"):
        return ""
    with socket.socket(fileno=os.dup(fd)) as opened:
        if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            # Listening is what workers share.
            return ""
        try:
            peer = opened.getpeername()
        except OSError:  # not connected
            return f"socket {fd}"
    if isinstance(peer, tuple):
        return f"socket {fd} to {peer[0]}:{peer[1]}"
    return f"socket {fd} to {peer!r}" if peer else f"socket {fd}"


def _descriptors() -> dict[int, str]:
    """What is open, with the kernel's name for it: a number alone may be used again."""
    found = {}
    for fd in _entries("/proc/self/fd"):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:  # the listing's own descriptor
            continue
    return found


def _entries(folder: str) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder))
    except FileNotFoundError:  # no /proc on this system
        return []
