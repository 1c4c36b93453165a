"""System calls as the interpreter has them, whatever gevent or eventlet have put in their place.

A configuration may patch the standard library in the master. The master's loop is none of
greenlets, though, and it reaps its children itself: libev would do so before it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import select
    import signal


def original(module: str, name: str) -> object:
    """The function that a module of the standard library has, or had before it was patched."""
    gevent = sys.modules.get("gevent.monkey")
    if gevent is not None:
        found: object = gevent.get_original(module, name)
        return found
    eventlet = sys.modules.get("eventlet.patcher")
    return getattr(sys.modules[module] if eventlet is None else eventlet.original(module), name)


def begin_again() -> None:
    """In a forked process: gevent's hub, if there is one, must not share its parent's."""
    hub = sys.modules.get("gevent.hub")
    if hub is not None:
        hub.reinit()


if TYPE_CHECKING:
    fork = os.fork
    waitpid = os.waitpid
    write = os.write
    close = os.close
    poll = select.poll
    set_handler = signal.signal
    set_wakeup_fd = signal.set_wakeup_fd
else:
    _PLACES = {
        "fork": ("os", "fork"),
        "waitpid": ("os", "waitpid"),
        "write": ("os", "write"),
        # gevent's waits for a turn of its loop, which the master never gives it.
        "close": ("os", "close"),
        "poll": ("select", "poll"),
        "set_handler": ("signal", "signal"),
        "set_wakeup_fd": ("signal", "set_wakeup_fd"),
    }

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return original(*_PLACES[name])
